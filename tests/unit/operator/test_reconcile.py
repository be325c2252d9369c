"""What the operator decides: which run there shall be, and what it does and says about it."""

import pytest

from repoloom_operator.wanted import Dataset
from support.builders import data, dataset_build, fine_tune, recipe, suite
from support.observed import START, VERDICT, World, first_run

OLD, NEW = "a" * 64, "b" * 64
WEEKLY = "0 3 * * 1"  # START is a Saturday


def tuning(**spec: object) -> World:
    """A FineTune whose dataset is published."""
    world = World(fine_tune(**spec))
    world.datasets["example"] = Dataset(OLD)
    return world


def test_a_new_resource_gets_the_run_of_its_spec() -> None:
    world = World()
    decision = world.look()
    assert list(world.workflows) == [first_run(world.document)]
    assert [event.reason for event in decision.events] == ["Planned"]
    assert world.conditions == {
        "Ready": "False Building",
        "Succeeded": "Unknown Building",
        "Reconciling": "True Building",
    }
    assert world.status["progress"]["tasks"] == "0/11"


def test_looking_again_changes_nothing() -> None:
    world = World()
    world.look()
    before = dict(world.status)
    world.later(seconds=1)
    decision = world.look()
    assert world.status == before
    assert (decision.create, decision.stop, decision.events) == (None, (), ())


def test_settings_and_images_have_no_part_in_a_run() -> None:
    world = World()
    world.look()
    world.settings = World(images={"stages": "example.org/newer:2", "train": "example.org/newer:2"}).settings
    assert world.look().create is None


def test_a_run_that_was_created_before_a_crash_is_adopted() -> None:
    world = World()
    world.look()
    world.shaken()
    decision = world.look()
    assert decision.create is None
    assert world.run == first_run(world.document)


def test_a_finished_run_is_published_and_stays_so_when_its_workflow_is_gone() -> None:
    world = World()
    world.look()
    world.finish()
    decision = world.look()
    assert [event.reason for event in decision.events] == ["Published"]
    assert world.conditions == {"Ready": "True Published", "Succeeded": "True Published"}
    world.workflows.clear()
    world.later(days=3)
    before = dict(world.status)
    assert world.look().create is None
    assert world.status == before


def test_status_is_rebuilt_from_the_record_alone() -> None:
    world = World()
    world.look()
    world.finish()
    world.look()
    before = dict(world.status)
    world.workflows.clear()
    world.shaken()
    assert world.look().create is None
    assert world.status == before


def test_a_failed_run_is_not_run_again() -> None:
    world = World()
    world.look()
    world.fail('main: Error (exit code 64): {"task": "snapshot-1", "error": "no such revision: mian"}')
    decision = world.look()
    assert [(event.reason, event.warning) for event in decision.events] == [("StageFailed", True)]
    assert world.conditions == {
        "Ready": "False StageFailed",
        "Succeeded": "False StageFailed",
        "Stalled": "True StageFailed",
    }
    assert world.message("Ready") == "snapshot-1: no such revision: mian"
    world.workflows.clear()
    world.later(days=3)
    decision = world.look()
    assert (decision.create, decision.events) == (None, ())


def test_a_workflow_that_was_deleted_at_work_is_made_again() -> None:
    world = World()
    world.look()
    world.workflows.clear()
    assert world.look().create is not None
    assert list(world.workflows) == [first_run(world.document)]


def test_a_workflow_that_succeeded_without_a_record_is_a_failure() -> None:
    world = World()
    world.look()
    world.workflows[world.run]["status"] = {"phase": "Succeeded"}
    world.look()
    assert world.condition("Succeeded") == ("False", "StageFailed")
    assert f"runs/{world.run}.json" in world.message("Succeeded")


def test_a_changed_spec_stops_the_old_run_and_starts_the_new() -> None:
    world = World()
    world.look()
    old = world.run
    world.edit(recipes=[recipe("functions", codeUnits={"granularities": ["function"]})])
    decision = world.look()
    assert decision.stop == (old,)
    assert set(world.workflows) == {old, first_run(world.document)}
    assert world.run == first_run(world.document)
    assert world.status["observedGeneration"] == 2


def test_the_old_result_stays_current_while_the_new_is_built() -> None:
    world = World()
    world.look()
    world.finish()
    world.look()
    world.edit(recipes=[recipe("others")])
    world.look()
    assert world.condition("Ready") == ("False", "Building")
    assert "stays until then" in world.message("Ready")
    assert world.status["current"]["samples"] == 12


def test_a_spec_that_comes_back_at_work_gets_a_run_of_another_name() -> None:
    world = World()
    original = world.document["spec"]["recipes"]
    world.look()
    first = world.run
    world.edit(recipes=[recipe("others")])
    world.look()
    second = world.run
    world.edit(recipes=original)
    decision = world.look()
    assert decision.stop == (second,)
    assert world.run not in {first, second}
    third = world.run
    assert world.look().create is None
    world.finish()
    world.look()
    assert world.run == third
    assert world.conditions == {"Ready": "True Published", "Succeeded": "True Published"}


def test_a_spec_that_comes_back_after_its_end_is_not_run_again() -> None:
    world = World()
    original = world.document["spec"]["recipes"]
    world.look()
    world.finish()
    world.look()
    first = world.run
    world.edit(recipes=[recipe("others")])
    world.look()
    world.edit(recipes=original)
    world.later(seconds=1)
    decision = world.look()
    assert decision.create is None
    assert world.run == first
    assert world.condition("Ready") == ("True", "Published")


def test_fields_that_say_when_to_run_start_nothing() -> None:
    world = World()
    world.look()
    world.edit(schedule=WEEKLY)
    decision = world.look()
    assert (decision.create, decision.stop) == (None, ())
    assert world.status["observedGeneration"] == 2


# Suspension.


def test_suspension_stops_the_run_and_starts_none() -> None:
    world = World()
    world.look()
    first = world.run
    world.edit(suspend=True)
    assert world.look().stop == (first,)
    assert world.conditions == {"Ready": "False Suspended", "Succeeded": "Unknown Suspended"}
    decision = world.look()
    assert (decision.create, decision.stop) == (None, ())


def test_after_a_suspension_the_work_goes_on_under_another_name() -> None:
    world = World()
    world.look()
    first = world.run
    world.edit(suspend=True)
    world.look()
    world.edit(suspend=False)
    world.later(hours=1)
    world.look()
    assert world.run != first
    assert world.condition("Succeeded") == ("Unknown", "Building")
    assert world.look().create is None


def test_a_result_stays_published_while_its_resource_is_suspended() -> None:
    world = World()
    world.look()
    world.finish()
    world.look()
    world.edit(suspend=True)
    world.look()
    assert world.conditions == {"Ready": "True Published", "Succeeded": "True Published"}
    assert world.status["observedGeneration"] == 2


def test_a_new_spec_waits_until_the_suspension_is_over() -> None:
    world = World(dataset_build(suspend=True))
    assert world.look().create is None
    world.edit(suspend=False)
    assert world.look().create is not None


# Faults.


def test_every_fault_of_a_bad_spec_is_told() -> None:
    world = World(dataset_build(recipes=[recipe(chunk={"maxTokens": 1}), recipe("files")]))
    world.look()
    assert world.conditions == {
        "Ready": "False InvalidSpec",
        "Succeeded": "False InvalidSpec",
        "Stalled": "True InvalidSpec",
    }
    assert "spec.recipes[0].chunk.maxTokens" in world.message("Ready")
    assert "spec.recipes[1].name" in world.message("Ready")


def test_a_spec_that_became_bad_stops_its_run() -> None:
    world = World()
    world.look()
    first = world.run
    world.edit(recipes=[recipe(chunk={"maxTokens": 1})])
    assert world.look().stop == (first,)


def test_a_spec_that_is_mended_back_to_what_was_published_is_published() -> None:
    world = World()
    original = world.document["spec"]["recipes"]
    world.look()
    world.finish()
    world.look()
    world.edit(recipes=[recipe(chunk={"maxTokens": 1})])
    world.look()
    world.workflows.clear()
    world.edit(recipes=original)
    assert world.look().create is None
    assert world.conditions == {"Ready": "True Published", "Succeeded": "True Published"}


def test_a_host_that_no_connection_lists_is_denied() -> None:
    world = World(connections=[{"name": "github", "github": {}, "hosts": ["github.com"]}])
    world.look()
    assert world.condition("Ready") == ("False", "ConnectionDenied")
    assert "example.org" in world.message("Ready")


def test_a_connection_counts_only_where_its_namespaces_labels_allow_it() -> None:
    connection = {
        "name": "ours",
        "web": {},
        "hosts": ["example.org"],
        "namespaceSelector": {"matchLabels": {"team": "docs"}},
    }
    world = World(connections=[connection])
    everywhere = world.settings
    world.settings = everywhere.for_namespace({"team": "other"})
    world.look()
    assert world.condition("Ready") == ("False", "ConnectionDenied")
    world.settings = everywhere.for_namespace({"team": "docs"})
    assert world.look().create is not None


def test_a_pool_that_is_not_there_is_the_specs_fault() -> None:
    world = World(fine_tune(compute={"pool": "a100"}), pools=[{"name": "cpu"}])
    world.look()
    assert world.condition("Ready") == ("False", "InvalidSpec")
    assert "spec.compute.pool" in world.message("Ready")


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "0 0 * * 5-3"])
def test_a_schedule_that_is_never_due_is_the_specs_fault(schedule: str) -> None:
    world = World(dataset_build(schedule=schedule))
    assert world.look().create is None
    assert world.condition("Ready") == ("False", "InvalidSpec")
    assert "spec.schedule" in world.message("Ready")


# Schedules and re-runs.


def scheduled() -> World:
    """A build with a schedule whose first run is published."""
    world = World(dataset_build(schedule=WEEKLY))
    world.look()
    world.later(minutes=5)
    world.finish()
    world.look()
    return world


def test_a_schedule_runs_once_at_each_tick() -> None:
    world = scheduled()
    first = world.run
    world.later(days=1)
    assert world.look().create is None
    world.later(days=1)  # Monday noon
    decision = world.look()
    assert decision.create is not None
    assert world.run != first
    assert world.condition("Ready") == ("True", "Published")  # of the same spec
    assert world.condition("Succeeded") == ("Unknown", "Building")
    world.later(minutes=1)
    assert world.look().create is None
    world.finish()
    world.look()
    world.later(days=1)
    assert world.look().create is None


def test_the_operator_looks_again_when_the_next_tick_is_due() -> None:
    again = scheduled().look().again
    assert again is not None
    assert START.replace(minute=5) + again == START.replace(day=23, hour=3)


def test_a_tick_that_falls_into_a_run_is_left_out() -> None:
    world = scheduled()
    world.later(days=2)
    world.look()
    second = world.run
    world.later(days=8)  # the run takes over a week
    assert world.look().create is None
    world.finish()
    world.look()
    assert world.look().create is None
    assert world.run == second


def test_ticks_that_were_missed_make_one_run() -> None:
    world = scheduled()
    world.later(days=30)
    world.look()
    assert len(world.workflows) == 2
    world.finish()
    world.look()
    world.look()
    assert len(world.workflows) == 2


def test_a_tick_whose_run_was_created_before_a_crash_is_not_run_twice() -> None:
    world = scheduled()
    before = dict(world.status)
    world.later(days=2)
    world.look()
    second = world.run
    world.document["status"] = before  # the operator died before it wrote
    world.later(days=8)
    assert world.look().create is None
    assert world.run == second


def test_a_rerun_is_made_once_for_each_value() -> None:
    world = scheduled()
    world.annotate("repoloom.dev/rerun", "1")
    assert world.look().create is not None
    world.finish()
    world.look()
    assert world.look().create is None
    world.later(days=2)
    assert world.look().create is not None  # a tick
    world.finish()
    world.look()
    assert world.look().create is None  # the re-run was answered before
    world.annotate("repoloom.dev/rerun", "2")
    assert world.look().create is not None


def test_taking_the_annotation_away_changes_nothing() -> None:
    world = scheduled()
    world.annotate("repoloom.dev/rerun", "1")
    world.look()
    world.finish()
    world.look()
    second = world.run
    del world.document["metadata"]["annotations"]
    assert world.look().create is None
    assert world.run == second


def test_a_rerun_waits_for_the_run_that_is_at_work() -> None:
    world = World()
    world.look()
    first = world.run
    world.annotate("repoloom.dev/rerun", "1")
    decision = world.look()
    assert (decision.create, decision.stop) == (None, ())
    world.finish()
    world.look()
    assert world.look().create is not None
    assert world.run != first


def test_a_rerun_follows_a_failure() -> None:
    world = World()
    world.look()
    world.fail("pod deleted")
    world.look()
    world.annotate("repoloom.dev/rerun", "again")
    assert world.look().create is not None
    assert world.conditions == {
        "Ready": "False Building",
        "Succeeded": "Unknown Building",
        "Reconciling": "True Building",
    }


# FineTunes and their datasets.


def pinned(world: World) -> dict[str, str]:
    return {pin["name"]: pin["revision"] for pin in world.status["pins"]}


def test_a_finetune_waits_for_its_dataset() -> None:
    world = World(fine_tune())
    assert world.look().create is None
    assert world.conditions == {
        "Ready": "False WaitingForDataset",
        "Succeeded": "Unknown WaitingForDataset",
        "Reconciling": "True WaitingForDataset",
    }
    assert "there is no DatasetBuild example" in world.message("Ready")
    assert world.status["progress"]["tasks"] == "0/6"
    world.datasets["example"] = Dataset(None)
    world.look()
    assert "has published nothing yet" in world.message("Ready")
    world.datasets["example"] = Dataset(OLD)
    assert world.look().create is not None
    assert pinned(world) == {"code": OLD}


def test_a_finetune_is_rendered_with_its_pins() -> None:
    world = tuning(evaluate={"suites": [suite(bitsPerByte={"datasetBuild": {"name": "judge", "output": "files"}})]})
    world.datasets["judge"] = Dataset(NEW)
    created = world.look().create
    assert created is not None
    assert f'"data/code":{{"dataset":{{"digest":"{OLD}","name":"example"}}}}' in created.config_map["data"]["pins.json"]
    assert (
        f'"suite/held-out":{{"dataset":{{"digest":"{NEW}","name":"judge"}}}}' in created.config_map["data"]["pins.json"]
    )


def test_pinned_data_stays_whatever_its_build_publishes() -> None:
    world = tuning()
    world.look()
    world.datasets["example"] = Dataset(NEW, frozenset({OLD}))
    assert world.look().create is None
    world.finish(verdict=VERDICT)
    world.look()
    decision = world.look()
    assert (decision.create, decision.events) == (None, ())
    world.annotate("repoloom.dev/rerun", "1")
    world.look()
    assert pinned(world) == {"code": OLD}


def test_pinned_data_stays_when_the_spec_changes() -> None:
    world = tuning()
    world.look()
    world.finish(verdict=VERDICT)
    world.look()
    assert pinned(world) == {}  # the record of this test has none
    world.document["status"]["pins"] = [{"name": "code", "revision": OLD}]
    world.workflows.clear()
    world.datasets["example"] = Dataset(NEW, frozenset({OLD}))
    world.edit(training={"learningRate": 1e-5})
    assert world.look().create is not None
    assert pinned(world) == {"code": OLD}


def test_data_of_another_build_is_pinned_anew() -> None:
    world = tuning()
    world.look()
    world.datasets = {"other": Dataset(NEW)}
    world.edit(data=[data(datasetBuild={"name": "other", "output": "files"})])
    world.look()
    assert pinned(world) == {"code": NEW}


def test_a_finetune_that_follows_is_trained_again_on_newer_data() -> None:
    follows = [data(datasetBuild={"name": "example", "output": "files", "follow": "Latest"})]
    world = tuning(data=follows)
    world.look()
    first = world.run
    world.datasets["example"] = Dataset(NEW)
    decision = world.look()
    assert (decision.create, decision.stop) == (None, ())  # not while it trains
    world.finish(verdict=VERDICT)
    world.look()
    assert world.look().create is not None
    assert world.run != first
    assert pinned(world) == {"code": NEW}
    assert world.condition("Ready") == ("False", "DatasetChanged")
    assert world.look().create is None
    assert world.condition("Ready") == ("False", "DatasetChanged")
    world.finish(verdict=VERDICT)
    world.look()
    assert world.look().create is None
    assert world.condition("Ready") == ("True", "Published")
    assert world.status["verdict"]["gainPercent"] == 4.8, "kubectl's column shows it as it is written"


def test_a_finetune_that_follows_keeps_its_data_when_the_build_is_gone() -> None:
    follows = [data(datasetBuild={"name": "example", "output": "files", "follow": "Latest"})]
    world = tuning(data=follows)
    world.look()
    world.datasets.clear()
    world.finish(verdict=VERDICT)
    world.look()
    assert world.look().create is None


def test_a_refused_adapter_is_a_candidate_and_nothing_current() -> None:
    world = tuning()
    world.look()
    failed = dict(VERDICT["suites"][0], gainPercent=0.3, interval=[-0.4, 1.0], passed=False)  # type: ignore[call-overload, index]
    world.finish(verdict=dict(VERDICT, outcome="Refused", gainPercent=0.3, suites=[failed]))
    world.workflows[world.run]["status"] = {"phase": "Failed"}
    world.look()
    assert world.conditions == {
        "Ready": "False VerdictRefused",
        "Succeeded": "False VerdictRefused",
        "Stalled": "True VerdictRefused",
    }
    assert "held-out: gain 0.3 % (-0.4 to 1.0), required: at least 3 % better" in world.message("Ready")
    assert "current" not in world.status
    assert world.status["candidate"]["keptUntil"] == "2026-12-05T12:00:00Z"
    assert "/candidates/example/" in world.status["candidate"]["report"]
    assert world.status["verdict"]["outcome"] == "Refused"


def test_a_queue_on_the_resource_reaches_the_accelerators_pods() -> None:
    world = tuning()
    world.document["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "team-a"}
    created = world.look().create
    assert created is not None
    queues = {
        one["name"]: one.get("metadata", {}).get("labels", {}).get("kueue.x-k8s.io/queue-name")
        for one in created.workflow["spec"]["templates"]
    }
    assert queues.pop("accelerate") == "team-a"
    assert set(queues.values()) == {None}
