"""What a person's hands are in the middle of, as a value: events in, what is to be done out.

One gesture at a time owns pointer, keys and commands, from its press until it is finished, given up, or something else
comes between. Here is only which of these happens; `hands` carries it out on a canvas, and each tool says what it means
for it. Everything that interrupts (another button, a lost release, a lost focus, a command) has its rule here and
nowhere else.

A gesture is of one of three kinds, as the tool says when it is asked at the press (`Begun`):

- a *click* has done everything at the press (fill, pick, a keypoint placed);
- a *drag* ends where its button is let go (a stroke, a rectangle, a point moved);
- *steps* go on over several presses until they are closed (the corners of a polygon).

A drag whose outcome is computed elsewhere (wand, snapped brush) *settles* once it is let go: what is pressed meanwhile
is held back and follows in order.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum, auto

from counterpart.desktop.shell.actions import During

_SAME_TAP_MS, _SAME_TAP_PX = 500, 12.0
"""A finger's or a pen's press may arrive a second time as a mouse's, this soon and this near."""


class Begun(Enum):
    """What a press has begun."""

    NOTHING = auto()
    CLICK = auto()
    DRAG = auto()
    STEPS = auto()


class Phase(Enum):
    """How far a gesture is."""

    IDLE = auto()
    DRAGGING = auto()
    OPEN = auto()
    SETTLING = auto()


class Use(Enum):
    """What a button that is down is for: `ASKED` while the tool is asked, `SPENT` once its gesture is over."""

    ASKED = auto()
    DRAG = auto()
    PAN = auto()
    SPENT = auto()
    LATER = auto()


class Do(Enum):
    """What is to be done: most of them are asked of the tool."""

    BEGIN = auto()
    ADD = auto()
    DOUBLE = auto()
    HOVER = auto()
    EXTEND = auto()
    FINISH = auto()
    FINISH_WHERE_IT_WAS = auto()
    INTERRUPT = auto()
    CLOSE = auto()
    GIVE_UP = auto()
    TAKE_BACK = auto()
    RESTORE = auto()
    PAN_BEGIN = auto()
    PAN = auto()
    PAN_END = auto()
    LATER = auto()


@dataclass(frozen=True, slots=True)
class Press:
    """A button that went down.

    Attributes:
        button: Which one.
        pane: Where.
        source: Kind of device that it comes from.
        when: Milliseconds.
        at: Widget position.
        pans: Whether it moves the view.
        double: Whether it is the second of two quick ones, and the tool tells those apart.
    """

    button: int
    pane: int = 0
    source: int = 0
    when: int = 0
    at: tuple[float, float] = (0.0, 0.0)
    pans: bool = False
    double: bool = False

    def repeats(self, other: Press | None) -> bool:
        """Whether this is another's tap once more, told by another device."""
        return (
            other is not None
            and self.source != other.source
            and 0 <= self.when - other.when <= _SAME_TAP_MS
            and abs(self.at[0] - other.at[0]) + abs(self.at[1] - other.at[1]) <= _SAME_TAP_PX
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A button that is down."""

    button: int
    source: int
    use: Use


@dataclass(frozen=True, slots=True)
class State:
    """What is begun.

    Attributes:
        phase: How far it is.
        pane: Where it was begun.
        held: The button that is down for it, or because of it; others do nothing meanwhile.
        tap: The last press that counted.
    """

    phase: Phase = Phase.IDLE
    pane: int = 0
    held: Held | None = None
    tap: Press | None = None

    # The pointer ----------------------------------------------------------------------------------------------------

    def missed(self, press: Press) -> Step:
        """Before a press: of the button that is down already, so that its release was missed."""
        again = self.held is not None and (press.button, press.source) == (self.held.button, self.held.source)
        return self._let_go_unseen() if again else Step(self)

    def press(self, press: Press) -> Step:
        """A button went down. While another one is, that means nothing."""
        if self.held is not None or press.repeats(self.tap):
            return Step(self)

        def held(use: Use, pane: int = self.pane) -> State:
            return dataclasses.replace(self, held=Held(press.button, press.source, use), pane=pane, tap=press)

        if press.pans:
            return Step(held(Use.PAN), (Do.PAN_BEGIN,))
        if self.phase is Phase.SETTLING:
            return Step(held(Use.LATER), (Do.LATER,))
        if self.phase is Phase.OPEN:
            if press.pane != self.pane:
                return Step(self)
            return Step(held(Use.SPENT), (Do.DOUBLE if press.double else Do.ADD,))
        return Step(held(Use.ASKED, press.pane), (Do.DOUBLE if press.double else Do.BEGIN,))

    def move(self, down: frozenset[int], source: int = 0) -> Step:
        """The pointer moved while these buttons are down."""
        ended = Step(self)
        if self.held is not None:
            if source != self.held.source:
                return Step(self)
            if self.held.button not in down:
                ended = self._let_go_unseen()
        now = ended.state
        use = now.held.use if now.held is not None else None
        follow = {Use.DRAG: Do.EXTEND, Use.PAN: Do.PAN, Use.LATER: Do.LATER}.get(use) if use is not None else None
        if follow is None:
            follow = Do.EXTEND if now.phase is Phase.OPEN else Do.HOVER
        return Step(now, (*ended.do, follow))

    def release(self, button: int, source: int = 0) -> Step:
        """A button went up."""
        if self.held is None or (button, source) != (self.held.button, self.held.source):
            return Step(self)
        done = {Use.DRAG: Do.FINISH, Use.PAN: Do.PAN_END, Use.LATER: Do.LATER}.get(self.held.use)
        return Step(self._over(), () if done is None else (done,))

    def _let_go_unseen(self) -> Step:
        """The button was let go where nobody told us: what it did counts as far as it was seen."""
        assert self.held is not None
        done = {Use.DRAG: Do.FINISH_WHERE_IT_WAS, Use.PAN: Do.PAN_END, Use.LATER: Do.LATER}.get(self.held.use)
        return Step(self._over(), () if done is None else (done,))

    def _over(self) -> State:
        """The button is up; a drag is over with it."""
        phase = Phase.IDLE if self.phase is Phase.DRAGGING else self.phase
        return dataclasses.replace(self, phase=phase, held=None)

    # What the tool answers ------------------------------------------------------------------------------------------

    def began(self, begun: Begun) -> Step:
        """The tool has been asked at a press; something may have come between while it was."""
        asked = self.held is not None and self.held.use is Use.ASKED
        if self.phase is not Phase.IDLE:
            return Step(self)
        if begun is Begun.STEPS:
            return Step(dataclasses.replace(self._spent(), phase=Phase.OPEN))
        if begun is Begun.DRAG:
            if not asked:
                return Step(self, (Do.INTERRUPT,))
            assert self.held is not None
            return Step(
                dataclasses.replace(self, phase=Phase.DRAGGING, held=dataclasses.replace(self.held, use=Use.DRAG))
            )
        return Step(self._spent() if begun is Begun.CLICK or not asked else dataclasses.replace(self, held=None))

    def resumed(self, pane: int) -> Step:
        """The tool goes on with steps that were begun before."""
        return Step(dataclasses.replace(self, phase=Phase.OPEN, pane=pane) if self.phase is Phase.IDLE else self)

    def went(self, *, on: bool) -> Step:
        """The tool has taken a step; whether it goes on."""
        over = self.phase is Phase.OPEN and not on
        return Step(dataclasses.replace(self, phase=Phase.IDLE) if over else self)

    def let_go(self, *, settles: bool) -> Step:
        """The tool has heard that its button went up; whether its outcome is still to come."""
        later = settles and self.phase is Phase.IDLE
        return Step(dataclasses.replace(self, phase=Phase.SETTLING) if later else self)

    def settled(self) -> Step:
        """The outcome of a drag is there; what was held back is pressed only now."""
        if self.phase is not Phase.SETTLING:
            return Step(self)
        waiting = self.held is not None and self.held.use is Use.LATER
        return Step(dataclasses.replace(self, phase=Phase.IDLE, held=None if waiting else self.held))

    # What comes between ---------------------------------------------------------------------------------------------

    def lose(self) -> Step:
        """Focus, window or pointer went elsewhere: a button that is down ends here, with what is finished."""
        if self.held is None:
            return Step(self)
        if self.held.use is Use.ASKED:
            return Step(self._spent())
        done = {Use.DRAG: Do.INTERRUPT, Use.PAN: Do.PAN_END, Use.LATER: Do.LATER}.get(self.held.use)
        return Step(self._over(), () if done is None else (done,))

    def leave(self, pane: int | None = None) -> Step:
        """The image of a pane goes, or the tool, or anything else that the gesture is about (None)."""
        here = pane is None or pane == self.pane
        if self.phase is not Phase.IDLE and here:
            done = (Do.INTERRUPT, Do.PAN_END) if self._panning else (Do.INTERRUPT,)
            return Step(dataclasses.replace(self._spent(), phase=Phase.IDLE), done)
        if self._panning or here:
            return Step(self._spent(), (Do.PAN_END,) if self._panning else ())
        return Step(self)

    def ask(self, during: During) -> Step:
        """A command is wanted: what it means for the gesture, and whether it is to be done itself."""
        if (self.phase is Phase.IDLE and self.held is None) or during == "passes":
            return Step(self)
        if during == "ends":
            steps = self.phase is Phase.OPEN and not self._panning
            return Step(self) if steps else self.leave(None if self.phase is not Phase.OPEN else -1)
        if during == "waits":
            return Step(self, runs=self.held is None)
        if during == "give_up" or (during == "take_back" and self.phase is Phase.SETTLING):
            return self._given_up()
        own = {"close": Do.CLOSE, "take_back": Do.TAKE_BACK, "restore": Do.RESTORE}.get(during)
        return Step(self, (own,) if own is not None and self.phase is Phase.OPEN else (), runs=False)

    def _given_up(self) -> Step:
        if self._panning:
            return Step(self._spent(), (Do.PAN_END,), runs=False)
        over = dataclasses.replace(self._spent(), phase=Phase.IDLE)
        return Step(over, (Do.GIVE_UP,) if self.phase is not Phase.IDLE else (), runs=False)

    @property
    def _panning(self) -> bool:
        return self.held is not None and self.held.use is Use.PAN

    def _spent(self) -> State:
        """Whatever the button that is down was for is over."""
        return (
            self if self.held is None else dataclasses.replace(self, held=dataclasses.replace(self.held, use=Use.SPENT))
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of an event.

    Attributes:
        state: What is begun from here on.
        do: What is to be done, in this order, once that holds.
        runs: Whether a command that asked is to be done.
    """

    state: State
    do: tuple[Do, ...] = ()
    runs: bool = True
