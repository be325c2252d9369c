"""What Argo CD makes of our resources, by a real Lua and the health checks that we ship."""

from pathlib import Path
from typing import Any

import yaml

from support.prerequisites import missing

ARGOCD = Path(__file__).parents[2] / "examples" / "argocd"


def health(kind: str, resource: dict[str, Any]) -> dict[str, str]:
    """What Argo CD shows. Its Lua is gopher-lua, which is Lua 5.1 without the libraries that reach outside."""
    try:
        from lupa.lua51 import LuaRuntime
    except ImportError:
        missing("Lua is not installed (the package lupa): what Argo CD runs was not run")
    scripts = yaml.safe_load((ARGOCD / "health.yaml").read_text())["data"]
    runtime = LuaRuntime(register_eval=False)
    lua = runtime.eval(
        "function(script, resource) local f = loadstring(script); setfenv(f, {ipairs = ipairs, obj = resource});"
        " return f() end"
    )
    found = lua(
        scripts[f"resource.customizations.health.repoloom.dev_{kind}"], runtime.table_from(resource, recursive=True)
    )
    return dict(found)
