"""Telemetry: where traces and metrics of the engine go."""
