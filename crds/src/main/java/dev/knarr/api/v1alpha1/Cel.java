// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

/**
 * CEL expressions that several fields of the CRD share, and pieces of them; {@code self} is the
 * field. They say for the API server what {@link RuleChecks} says for files.
 */
final class Cel {
  /**
   * Matches the whole text; followed by a pattern and {@link #END}. Blank text has its own rule.
   */
  static final String MATCHES = "self.trim() == '' || self.matches(r'^(";

  static final String END = ")$')";

  static final String NOT_BLANK = "self.trim() != ''";
  static final String ABSOLUTE_PATH = MATCHES + Patterns.ABSOLUTE_PATH + END;
  static final String RELATIVE_PATH = "!self.startsWith('/') && !('..' in self.split('/'))";
  static final String SHA256 = "self.matches(r'^(" + Patterns.SHA256 + END;
  static final String URL = MATCHES + Patterns.URL + END;

  static final String IS_SIZE = "type(self) == int || self.matches(r'^(" + Patterns.SIZE + END;
  static final String POSITIVE_SIZE =
      "type(self) == int ? self > 0 : !isQuantity(self) || quantity(self).isGreaterThan(quantity('0'))";

  /** The reason of rules about absent fields. */
  static final String REQUIRED = "FieldValueRequired";

  private Cel() {}
}
