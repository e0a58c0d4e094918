"""Virtual devices that publish over real MQTT: for the demo and for tests."""
