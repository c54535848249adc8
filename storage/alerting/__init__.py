"""Alerts: detectors over the store, evaluated on a schedule, and what becomes of what they find."""
