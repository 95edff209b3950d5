"""Notices to people without an Alertmanager: Slack, mail, webhooks, PagerDuty and all other services of apprise.

The extra `notify` installs apprise, which is imported when the first URL is read.
"""

from driftmeter.notify.destination import Destination, destinations
from driftmeter.notify.notice import Drifting, Notice, notices, reminder
from driftmeter.notify.notifier import Notifier, Outcome

__all__ = ["Destination", "Drifting", "Notice", "Notifier", "Outcome", "destinations", "notices", "reminder"]
