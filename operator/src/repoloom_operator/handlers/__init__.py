"""What kopf calls: each handler notes that its watch is alive, and enqueues the key of the resource concerned.

None of them decides anything, so one that is skipped or called twice changes nothing. There is none for creation,
update or deletion: for those kopf would keep finalizers and copies of the spec on our resources.
"""

import kopf

from repoloom_operator.handlers import resource, startup, workflow
from repoloom_operator.handlers.notice import Notice


def registry(notice: Notice) -> kopf.OperatorRegistry:
    """Every handler there is."""
    result = kopf.OperatorRegistry()
    for module in (startup, resource, workflow):
        module.register(result, notice)
    return result
