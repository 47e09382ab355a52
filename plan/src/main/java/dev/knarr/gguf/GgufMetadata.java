// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The key-value pairs of a model. Getters are typed: a key that is absent, or holds another type,
 * is empty. Integers of every width and sign are {@code long}. Immutable.
 */
public final class GgufMetadata {
  /** A value; arrays keep their length, and their numbers only when there are few. */
  sealed interface Value {
    record Whole(long value) implements Value {}

    record Real(double value) implements Value {}

    record Flag(boolean value) implements Value {}

    record Text(String value) implements Value {}

    /** Text that is too long to be held. */
    record LongText(long bytes) implements Value {}

    /** An array of whole numbers or flags (0, 1). */
    record Wholes(List<Long> values) implements Value {}

    /** An array that is not held: of text, of reals, of arrays, or very long. */
    record SkippedArray(long length) implements Value {}
  }

  private final Map<String, Value> values;

  GgufMetadata(Map<String, Value> values) {
    this.values = Map.copyOf(values);
  }

  /** All keys. */
  public Set<String> keys() {
    return values.keySet();
  }

  /** A whole number. Values of {@code uint64} over 2^63 - 1 are empty. */
  public OptionalLong integer(String key) {
    return values.get(key) instanceof Value.Whole(var value)
        ? OptionalLong.of(value)
        : OptionalLong.empty();
  }

  /** A floating point number. */
  public OptionalDouble real(String key) {
    return values.get(key) instanceof Value.Real(var value)
        ? OptionalDouble.of(value)
        : OptionalDouble.empty();
  }

  /** True or false. */
  public Optional<Boolean> flag(String key) {
    return values.get(key) instanceof Value.Flag(var value) ? Optional.of(value) : Optional.empty();
  }

  /** A text of at most 64 KiB. */
  public Optional<String> text(String key) {
    return values.get(key) instanceof Value.Text(var value) ? Optional.of(value) : Optional.empty();
  }

  /** An array of at most 4096 whole numbers, or of flags as 0 and 1. */
  public Optional<List<Long>> integers(String key) {
    return values.get(key) instanceof Value.Wholes(var list) ? Optional.of(list) : Optional.empty();
  }

  /** The length of an array of any kind, held or not. */
  public OptionalLong arrayLength(String key) {
    return switch (values.get(key)) {
      case Value.Wholes(var list) -> OptionalLong.of(list.size());
      case Value.SkippedArray(var length) -> OptionalLong.of(length);
      case null, default -> OptionalLong.empty();
    };
  }
}
