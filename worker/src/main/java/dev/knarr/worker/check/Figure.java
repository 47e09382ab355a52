// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;

/** One extent or stride of an operand, with the name it has in messages. Immutable. */
final class Figure {
  private final Operation op;
  private final Operand owner;
  private final String field;
  private final long value;

  Figure(Operation op, Operand owner, String field, long value) {
    this.op = op;
    this.owner = owner;
    this.field = field;
    this.value = value;
  }

  long value() {
    return value;
  }

  void is(Figure other) {
    if (value != other.value) {
      throw op.refuse(
          BAD_SHAPE, "%s is %d but %s is %d".formatted(this, value, other, other.value));
    }
  }

  void is(long expected, String why) {
    if (value != expected) {
      throw op.refuse(BAD_SHAPE, "%s is %d, not %d (%s)".formatted(this, value, expected, why));
    }
  }

  void atLeast(Figure other) {
    if (value < other.value) {
      throw op.refuse(
          BAD_SHAPE, "%s is %d, less than %d of %s".formatted(this, value, other.value, other));
    }
  }

  void atLeast(long least, String why) {
    if (value < least) {
      throw op.refuse(BAD_SHAPE, "%s is %d, less than %d (%s)".formatted(this, value, least, why));
    }
  }

  void atMost(Figure other) {
    if (value > other.value) {
      throw op.refuse(
          BAD_SHAPE, "%s is %d, more than %d of %s".formatted(this, value, other.value, other));
    }
  }

  void atMost(long most, String why) {
    if (value > most) {
      throw op.refuse(BAD_SHAPE, "%s is %d, more than %d (%s)".formatted(this, value, most, why));
    }
  }

  /** Whole repetitions of the other; 0 is a multiple of everything, but only 0 is one of 0. */
  void multipleOf(Figure other) {
    if (other.value == 0 ? value != 0 : value % other.value != 0) {
      throw op.refuse(
          BAD_SHAPE,
          "%s is %d, no multiple of %d of %s".formatted(this, value, other.value, other));
    }
  }

  @Override
  public String toString() {
    return field + " of " + owner;
  }
}
