"""From a photo to faces: detection, alignment, quality."""
