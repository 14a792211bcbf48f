"""Azure IoT Hub and its Device Provisioning Service."""
