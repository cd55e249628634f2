// Loaded before the server by `node --import`: its clock goes wrong by so much, as that of a badly kept machine.
const shiftMs = Number(process.env["CLOCK_SHIFT_MS"] ?? 0);
const RightDate = Date;

class ShiftedDate extends RightDate {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(RightDate.now() + shiftMs);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RightDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
