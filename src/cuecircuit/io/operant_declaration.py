"""What the columns and event names of an operant log mean that is not a MED-PC file: a YAML file of the user's.

`events` gives the names used here ("active", "inactive", "infusion", ...) for the names in the file; a name that is not
listed keeps its own. `table` says what the columns of a plain table are.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cuecircuit.io.table_cells import Decimal

Seconds = Annotated[float, Field(gt=0)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TableColumns(_Declared):
    """Names of the columns of a plain table.

    `start` is the start of the session, one column or several to be joined (date, time), in ISO 8601, with a dotted
    date (day first), or as `start_format` says (of Python's strptime). Rows are events (`event`, `time` in units of
    `unit_s` or as hours:minutes:seconds from the start; `time_of_day: true` where these are the clock's) or sessions
    (`counts`: column of the count for each event). `decimal` says what a comma in a number is, where the file does not.

    The header may have other lines above it. `labels` are cells, anywhere in the file, whose value is the next cell of
    the row: each is a column of that name with this value in every row. `where` keeps the rows with these cells.
    """

    rows: Literal["event", "session"]
    labels: tuple[str, ...] = ()
    where: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    subject: str
    start: str | tuple[str, ...]
    start_format: str | None = None
    event: str | None = None
    time: str | None = None
    unit_s: Seconds = 1.0
    time_of_day: bool | None = None
    decimal: Decimal | None = None
    counts: dict[str, str] = Field(default_factory=dict)
    duration_s: str | None = None
    box: str | None = None
    experiment: str | None = None
    group: str | None = None
    program: str | None = None
    sheet: str | None = Field(default=None, description="sheet of a workbook; the first where none is named")

    @model_validator(mode="after")
    def _rows_have_what_they_need(self) -> "TableColumns":
        if self.rows == "event" and (self.event is None or self.time is None or self.counts):
            raise ValueError("rows: event needs the columns event and time, and no counts")
        if self.rows == "session" and (not self.counts or self.event or self.time):
            raise ValueError("rows: session needs counts (event: column), and no columns event or time")
        return self

    @property
    def starts(self) -> tuple[str, ...]:
        """The columns that make up the start."""
        return (self.start,) if isinstance(self.start, str) else self.start


class SourceDeclaration(_Declared):
    """One declaration; `timeout_s` as in an operant session."""

    events: dict[str, str] = Field(default_factory=dict)
    timeout_s: Seconds | None = None
    table: TableColumns | None = None
