"""Tasks as a planner adds them: numbered by stage, and placed by the settings."""

from repoloom_api.base import Model
from repoloom_api.catalogue import CATALOGUE, FetchModelParams, ModelName
from repoloom_api.resources import Fault
from repoloom_api.settings import Access, SettingsConfig
from repoloom_api.tasks import HUB_HOST, RESOLVE, Input, Placement, Reach, Task
from repoloom_api.v1alpha1.common import HuggingFaceModel


class Draft:
    """Tasks as they are added, numbered by stage."""

    def __init__(self, settings: SettingsConfig) -> None:
        self.settings = settings
        self.tasks: list[Task] = []
        self.placements: dict[str, Placement] = {}
        self.faults: list[Fault] = []

    def add(
        self, stage: str, params: Model, inputs: list[Input], *, fan_out: str | None = None, label: str = ""
    ) -> str:
        task = self.build(stage, params, inputs, fan_out=fan_out, label=label)
        self.tasks.append(task)
        return task.name

    def build(
        self, stage: str, params: Model, inputs: list[Input], *, fan_out: str | None = None, label: str = ""
    ) -> Task:
        if type(params) is not CATALOGUE[stage].params:
            raise TypeError(f"{stage} takes {CATALOGUE[stage].params.__name__}, not {type(params).__name__}")
        number = sum(task.stage == stage for task in self.tasks) + 1
        return Task(
            name=f"{stage}-{number}",
            stage=stage,
            params=params.document(),
            inputs=tuple(inputs),
            fan_out=fan_out,
            label=label,
        )

    def reach(self, task: str, host: str, field: str) -> None:
        """Place a task that reaches a host, or refuse it."""
        if self.settings.refuses(host):
            self.faults.append(Fault(field, f"no connection in the settings lists the host {host}"))
        connection = self.settings.connection_for(host)
        if connection:
            allowed = connection.private_addresses is Access.ALLOWED
            reach = Reach(connection=connection.name, hosts=connection.hosts, private_addresses=allowed)
            before = self.placements.get(task, Placement())
            if reach not in before.reaches:
                self.placements[task] = Placement(reaches=(*before.reaches, reach))

    def place(self, tasks: tuple[Task, ...], training_pool: str | None) -> None:
        """Give every task its pool, where the settings have pools at all."""
        if self.settings.pools is None:
            return
        pools = self.settings.defaults.pools
        if training_pool and self.settings.pool(training_pool) is None:
            there_are = ", ".join(pool.name for pool in self.settings.pools) or "none"
            message = f"the settings have no pool named {training_pool}; there are {there_are}"
            self.faults.append(Fault("spec.compute.pool", message))
        for task in tasks:
            training = CATALOGUE[task.stage].accelerator
            pool = (training_pool or pools.training or pools.data) if training else pools.data
            before = self.placements.get(task.name, Placement())
            self.placements[task.name] = before.model_copy(update={"pool": pool})


def model_name(pin: str, model: HuggingFaceModel | None) -> ModelName:
    """A model to pin; none is the shipped one."""
    return ModelName(pin=pin, repository=model.repository, revision=model.revision) if model else ModelName(pin=pin)


def fetch_model(draft: Draft, pin: str, model: HuggingFaceModel | None, field: str, *, weights: bool) -> str:
    """The task that fetches what a pin names; `field` is where the resource names it."""
    task = draft.add("fetch-model", FetchModelParams(weights=weights), [Input(role="pin", pin=pin)], label=pin)
    if model:
        for reaching in (RESOLVE, task):
            draft.reach(reaching, HUB_HOST, f"{field}.huggingFace.repository")
    return task
