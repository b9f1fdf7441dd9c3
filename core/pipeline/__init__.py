"""The use cases that the window and the command line share: functions of an engine, inputs and parameters."""
