"""Training of the watermark's nets against differentiable copies of the attacks.

``python -m attacks.training.data`` packs pictures, ``…train`` trains, ``…evaluate`` measures the
result behind real codecs. How to run all three: docs/training.md.
"""
