"""What comes between a press and its release: every event in every situation, as values."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterpart.desktop.canvas.gesture import Begun, Do, Phase, Press, State, Step, Use

LEFT, RIGHT, MIDDLE = 1, 2, 4
BUTTONS = (LEFT, RIGHT, MIDDLE)


def asked(begun: Begun, pane: int = 0) -> State:
    """The left button is down, and the tool has said what that began."""
    return State().press(Press(LEFT, pane)).state.began(begun).state


DRAG = asked(Begun.DRAG)
CLICK = asked(Begun.CLICK)
CORNER_DOWN = asked(Begun.STEPS)
OPEN = CORNER_DOWN.release(LEFT).state
PAN = State().press(Press(MIDDLE, pans=True)).state
PAN_OPEN = OPEN.press(Press(MIDDLE, pans=True)).state
SETTLING = DRAG.release(LEFT).state.let_go(settles=True).state
LATER = SETTLING.press(Press(LEFT)).state
SITUATIONS = {
    "idle": State(), "drag": DRAG, "click": CLICK, "corner down": CORNER_DOWN, "open": OPEN, "pan": PAN,
    "pan over corners": PAN_OPEN, "settling": SETTLING, "later": LATER,
}  # fmt: skip


def test_a_drag_begins_follows_the_pointer_and_ends_with_its_button():
    step = State().press(Press(LEFT, 1))
    assert step.do == (Do.BEGIN,)
    drag = step.state.began(Begun.DRAG).state
    assert (drag.phase, drag.pane) == (Phase.DRAGGING, 1)
    assert drag.move(frozenset({LEFT})).do == (Do.EXTEND,)
    assert drag.release(LEFT) == Step(State(pane=1, tap=Press(LEFT, 1)), (Do.FINISH,))


def test_the_second_of_two_quick_presses_is_a_press_unless_the_tool_tells_it_apart():
    once = DRAG.release(LEFT).state
    assert once.press(Press(LEFT)).do == (Do.BEGIN,)
    assert once.press(Press(LEFT, double=True)).do == (Do.DOUBLE,)
    assert OPEN.press(Press(LEFT)).do == (Do.ADD,)
    assert OPEN.press(Press(LEFT, double=True)).do == (Do.DOUBLE,)


@pytest.mark.parametrize("name", ["drag", "click", "corner down", "pan", "pan over corners", "later"])
@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("pans", [False, True])
def test_other_buttons_do_nothing_while_one_is_down(name, button, pans):
    state = SITUATIONS[name]
    if button == state.held.button:
        return
    assert state.press(Press(button, pans=pans)) == Step(state)
    assert state.release(button) == Step(state)


@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("drag", Do.FINISH_WHERE_IT_WAS),
        ("click", None),
        ("corner down", None),
        ("pan", Do.PAN_END),
        ("later", Do.LATER),
    ],
)
def test_a_release_that_nobody_saw_ends_the_gesture_at_the_next_sign_of_it(name, done):
    state = SITUATIONS[name]
    expected = () if done is None else (done,)
    follow = Do.EXTEND if name == "corner down" else Do.HOVER
    assert state.move(frozenset()).do == (*expected, follow)
    assert state.move(frozenset()).state.held is None
    press = Press(state.held.button, pans=name == "pan")
    assert state.missed(press).do == expected
    assert len(state.missed(press).state.press(press).do) == 1
    assert state.missed(Press(RIGHT)) == Step(state)


@pytest.mark.parametrize(
    ("name", "done", "phase"),
    [
        ("idle", (), Phase.IDLE),
        ("drag", (Do.INTERRUPT,), Phase.IDLE),
        ("click", (), Phase.IDLE),
        ("corner down", (), Phase.OPEN),
        ("open", (), Phase.OPEN),
        ("pan", (Do.PAN_END,), Phase.IDLE),
        ("pan over corners", (Do.PAN_END,), Phase.OPEN),
        ("settling", (), Phase.SETTLING),
        ("later", (Do.LATER,), Phase.SETTLING),
    ],
)
def test_lost_focus_ends_what_a_button_is_down_for(name, done, phase):
    step = SITUATIONS[name].lose()
    assert step.do == done
    assert (step.state.phase, step.state.held) == (phase, None)


@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("idle", ()),
        ("drag", (Do.INTERRUPT,)),
        ("click", ()),
        ("open", (Do.INTERRUPT,)),
        ("pan", (Do.PAN_END,)),
        ("settling", (Do.INTERRUPT,)),
    ],
)
def test_leaving_image_or_tool_ends_what_is_begun_and_the_button_that_is_still_down_begins_nothing(name, done):
    step = SITUATIONS[name].leave()
    assert step.do == done
    assert step.state.phase is Phase.IDLE
    if step.state.held is not None:
        assert step.state.held.use is Use.SPENT
        assert step.state.move(frozenset({step.state.held.button})).do == (Do.HOVER,)
        assert step.state.release(step.state.held.button).do == ()


def test_the_image_of_another_pane_may_go():
    assert DRAG.leave(1) == Step(DRAG)
    assert OPEN.leave(1) == Step(OPEN)
    assert DRAG.leave(0).do == (Do.INTERRUPT,)


NOTHING, RUNS = ((), False), ((), True)


@pytest.mark.parametrize(
    ("during", "expected"),
    [
        ("passes", dict.fromkeys(SITUATIONS, RUNS)),
        ("ends", {"drag": ((Do.INTERRUPT,), True), "pan": ((Do.PAN_END,), True), "settling": ((Do.INTERRUPT,), True),
                  "pan over corners": ((Do.PAN_END,), True), "open": RUNS, "corner down": RUNS, "click": RUNS}),
        ("waits", {"drag": NOTHING, "pan": NOTHING, "corner down": NOTHING, "click": NOTHING, "open": RUNS,
                   "settling": RUNS}),
        ("close", {"drag": NOTHING, "pan": NOTHING, "click": NOTHING, "settling": NOTHING,
                   "open": ((Do.CLOSE,), False), "corner down": ((Do.CLOSE,), False)}),
        ("take_back", {"drag": NOTHING, "pan": NOTHING, "click": NOTHING, "open": ((Do.TAKE_BACK,), False),
                       "settling": ((Do.GIVE_UP,), False)}),
        ("restore", {"drag": NOTHING, "pan": NOTHING, "click": NOTHING, "open": ((Do.RESTORE,), False),
                     "settling": NOTHING}),
        ("give_up", {"drag": ((Do.GIVE_UP,), False), "open": ((Do.GIVE_UP,), False), "pan": ((Do.PAN_END,), False),
                     "settling": ((Do.GIVE_UP,), False), "later": ((Do.GIVE_UP,), False), "click": NOTHING}),
        ("nothing", {name: NOTHING for name in SITUATIONS if name != "idle"}),
    ],
)  # fmt: skip
def test_a_command_acts_on_what_is_begun_or_ends_it_or_does_nothing(during, expected):
    assert State().ask(during) == Step(State())
    for name, (done, runs) in expected.items():
        step = SITUATIONS[name].ask(during)
        assert (name, step.do, step.runs) == (name, done, runs)


def test_what_is_pressed_while_a_drag_settles_comes_after_it():
    assert SETTLING.press(Press(LEFT)).do == (Do.LATER,)
    assert LATER.move(frozenset({LEFT})).do == (Do.LATER,)
    assert LATER.release(LEFT).do == (Do.LATER,)
    assert SETTLING.press(Press(MIDDLE, pans=True)).do == (Do.PAN_BEGIN,)
    assert LATER.settled().state.press(Press(LEFT)).do == (Do.BEGIN,)


def test_a_gesture_that_was_interrupted_while_its_tool_was_asked_ends_at_once():
    for step in (State().press(Press(LEFT)).state.lose(), State().press(Press(LEFT)).state.leave()):
        assert step.do == ()
        assert step.state.began(Begun.DRAG).do == (Do.INTERRUPT,)
        assert step.state.began(Begun.DRAG).state.phase is Phase.IDLE


def test_a_tap_that_two_devices_tell_of_is_one():
    tapped = State().press(Press(LEFT, source=2, when=1000, at=(50, 50))).state.began(Begun.CLICK).state
    let_go = tapped.release(LEFT, 2).state
    assert let_go.press(Press(LEFT, source=0, when=1100, at=(51, 50))) == Step(let_go)
    assert let_go.press(Press(LEFT, source=2, when=1100, at=(51, 50))).do == (Do.BEGIN,)
    assert let_go.press(Press(LEFT, source=0, when=1800, at=(51, 50))).do == (Do.BEGIN,)
    assert let_go.press(Press(LEFT, source=0, when=1100, at=(151, 50))).do == (Do.BEGIN,)
    assert tapped.move(frozenset({LEFT}), source=0) == Step(tapped)


ENDS = {Do.FINISH, Do.FINISH_WHERE_IT_WAS, Do.INTERRUPT, Do.GIVE_UP}
EVENTS = st.one_of(
    st.tuples(st.just("press"), st.sampled_from(BUTTONS), st.sampled_from(list(Begun)), st.booleans()),
    st.tuples(st.just("release"), st.sampled_from(BUTTONS)),
    st.tuples(st.just("move"), st.frozensets(st.sampled_from(BUTTONS))),
    st.tuples(st.sampled_from(["lose", "leave", "settled"])),
    st.tuples(
        st.just("ask"),
        st.sampled_from(["ends", "passes", "waits", "close", "give_up", "take_back", "restore", "nothing"]),
    ),
)


@example(events=[("press", LEFT, Begun.STEPS, False), ("press", LEFT, Begun.NOTHING, True), ("leave",)])
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_each_drag_ends_once_and_nothing_is_asked_of_a_tool_without_one(events):
    state, dragging, panning = State(), False, False
    for name, *args in events:
        if name == "press":
            press = Press(args[0], pans=args[0] == MIDDLE or args[2])
            missed = state.missed(press)
            dragging, panning = dragging and not missed.do, panning and not missed.do
            step = missed.state.press(press)
        else:
            step = getattr(state, name)(*args)
        state = step.state
        for done in step.do:
            assert done is not Do.EXTEND or dragging or state.phase is Phase.OPEN
            if done in ENDS and dragging:
                dragging = False
            if done in (Do.FINISH, Do.FINISH_WHERE_IT_WAS):
                state = state.let_go(settles=args[0] == LEFT if args and isinstance(args[0], int) else False).state
            if done in (Do.PAN_BEGIN, Do.PAN_END):
                assert panning is (done is Do.PAN_END)
                panning = done is Do.PAN_BEGIN
            if done is Do.BEGIN:
                assert not dragging
                begun = state.began(args[1])
                state, dragging = begun.state, args[1] is Begun.DRAG
                assert begun.do == ()
        assert dragging is (state.phase is Phase.DRAGGING)
        assert panning is (state.held is not None and state.held.use is Use.PAN)
        assert state.phase is not Phase.DRAGGING or state.held.use is Use.DRAG
