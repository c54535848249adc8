"""Sends what a Python application logs to Logmill; needs the standard library and `requests` alone.

logging.getLogger().addHandler(LogmillHandler("http://localhost:5000", service="shop"))
"""

from logmill.handler.event_dicts import LogmillProcessor
from logmill.handler.logging_handler import LogmillHandler
from logmill.handler.status import HandlerStatus

__all__ = ["HandlerStatus", "LogmillHandler", "LogmillProcessor"]
