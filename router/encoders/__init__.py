"""Text to unit vectors."""

import os

# Read when onnxruntime is imported, which else looks up a host and keeps a device id.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
