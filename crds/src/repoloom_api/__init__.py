"""Repoloom's API: what a user may write, what it becomes as a plan, and how results are named.

Everything else imports from here and nothing here imports anything but pydantic. The operator, the stages and the
command line share these types, so a field exists in one place only.
"""

GROUP = "repoloom.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
