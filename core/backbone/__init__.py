"""Models: which there are, their weights, and encoders that turn images into dense features.

Only the encoders (`encoder`, `vit`, `resnet`, `load`) load torch when they are imported.
"""
