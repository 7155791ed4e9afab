/**
 * Recognises errors that a service logs again and again. docs/decisions/0010-detection-habits.md gives the reasons.
 *
 * Each group has a decayed hourly mean (time constant: one day; hours without an error count as zero) and the count of
 * the current hour. A group becomes a habit once it was seen in six different hours and for half a day. It is not
 * reported as long as the count of an hour is at most three times the mean plus three, and is reported again once it
 * rises above.
 */

const HOUR = 3_600_000;
const MEMORY_HOURS = 24;
const HOURS_SEEN = 6;
const HALF_DAY = 12 * HOUR;

export interface Habit {
  firstSeen: number;
  /** Start of the current hour, epoch ms. */
  hour: number;
  /** Occurrences in the current hour. */
  count: number;
  /** Decayed mean of the hours before. */
  mean: number;
  /** Hours before the current one with at least one occurrence. */
  activeHours: number;
}

export function newHabit(now: number): Habit {
  return { firstSeen: now, hour: Math.floor(now / HOUR) * HOUR, count: 0, mean: 0, activeHours: 0 };
}

/** Counts one occurrence and returns whether it is within the group's habit. */
export function countHabit(habit: Habit, now: number): boolean {
  const hour = Math.floor(now / HOUR) * HOUR;
  if (hour > habit.hour) {
    const passed = Math.min((hour - habit.hour) / HOUR, MEMORY_HOURS * 10);
    const decay = Math.exp(-1 / MEMORY_HOURS);
    if (habit.count > 0) habit.activeHours++;
    habit.mean = (habit.mean * decay + habit.count * (1 - decay)) * decay ** (passed - 1);
    habit.hour = hour;
    habit.count = 0;
  }
  habit.count++;
  return isHabit(habit, now) && habit.count <= usual(habit);
}

/** Whether the error has been seen often enough. */
export function isHabit({ activeHours, firstSeen }: Habit, now: number): boolean {
  return activeHours >= HOURS_SEEN && now - firstSeen >= HALF_DAY;
}

/** Returns the highest count of an hour within the habit: three times the average of the hours so far, plus three. */
function usual(habit: Habit): number {
  return 3 * meanPerHour(habit) + 3;
}

/** The decayed mean of the hours before the current one. */
export function meanPerHour(habit: Habit): number {
  const hoursKnown = Math.max(1, (habit.hour - habit.firstSeen) / HOUR);
  // The decayed mean starts at zero: correct for that while the group is young.
  const filled = 1 - Math.exp(-hoursKnown / MEMORY_HOURS);
  return habit.mean / Math.max(filled, 0.05);
}
