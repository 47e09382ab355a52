// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Collects broken rules; the checks that many fields share. One thread. */
final class RuleChecks {
  private final List<Violation> violations = new ArrayList<>();

  List<Violation> violations() {
    return List.copyOf(violations);
  }

  void add(String field, String message) {
    violations.add(new Violation(field, message));
  }

  /** False, and a violation, where the field is absent. */
  boolean required(String field, @Nullable Object value) {
    if (value == null || (value instanceof Collection<?> list && list.isEmpty())) {
      add(field, Sentences.REQUIRED);
      return false;
    }
    return notEmpty(field, value);
  }

  private boolean notEmpty(String field, Object value) {
    if (value instanceof String text && text.isBlank()) {
      add(field, Sentences.EMPTY_TEXT);
      return false;
    }
    return true;
  }

  void range(String field, @Nullable Integer value, int least, int most, String message) {
    if (value != null && (value < least || value > most)) {
      add(field, message);
    }
  }

  void pattern(String field, @Nullable String value, String pattern, String message) {
    if (value != null && !value.matches(pattern)) {
      add(field, message);
    }
  }

  /** A relative path that stays below its root. */
  void relativePath(String field, @Nullable String value) {
    if (required(field, value)
        && value != null
        && (value.startsWith("/") || Stream.of(value.split("/", -1)).anyMatch(".."::equals))) {
      add(field, Sentences.RELATIVE_PATH);
    }
  }

  void absolutePath(String field, @Nullable HostPathSource source) {
    if (source != null && required(field, source.getPath())) {
      pattern(field, source.getPath(), Patterns.ABSOLUTE_PATH, Sentences.ABSOLUTE_PATH);
    }
  }

  void positive(String field, io.fabric8.kubernetes.api.model.@Nullable Quantity size) {
    if (size != null && size.getNumericalAmount().signum() <= 0) {
      add(field, Sentences.SIZE_POSITIVE);
    }
  }

  void secret(String field, @Nullable SecretKeyReference reference) {
    if (reference != null) {
      required(field + ".name", reference.getName());
      required(field + ".key", reference.getKey());
    }
  }

  static long count(@Nullable Object... values) {
    return Stream.of(values).filter(Objects::nonNull).count();
  }
}
