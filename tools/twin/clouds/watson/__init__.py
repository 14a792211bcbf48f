"""IBM Watson IoT Platform."""
