"""Parts, keypoints and correspondences over sets of images, from dense features of a vision transformer."""
