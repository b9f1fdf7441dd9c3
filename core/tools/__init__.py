"""Engines behind the mask tools: pointer positions and settings in, small boxes of pixels out.

Everything works on bounding boxes, so that a pointer move never costs the image. Nothing here knows the window, the
document or torch; results are handed to the commands of `core.project.commands`.
"""
