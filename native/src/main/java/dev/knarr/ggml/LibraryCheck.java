// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import dev.knarr.ggml.GgmlFunctions.Base;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether the loaded ggml is the one this program was written for; refuses it at the first
 * difference. Computes nothing.
 */
final class LibraryCheck {
  static final String OLDEST = "0.25.1";
  static final String NEWEST = "0.27.0";

  private static final Logger LOG = LoggerFactory.getLogger(LibraryCheck.class);

  private final String library;

  LibraryCheck(String library) {
    this.library = library;
  }

  static LibraryCheck run(String version, Path file) {
    if (!tested(version)) {
      LOG.warn(
          "ggml {} ({}) is outside of the tested versions, {} to {}: it may compute something else",
          version,
          file,
          OLDEST,
          NEWEST);
    }
    var check = new LibraryCheck("ggml " + version + " (" + file + ")");
    check.tables();
    LayoutProbe.run(check);
    return check;
  }

  static boolean tested(String version) {
    try {
      int[] found = numbers(version);
      return Arrays.compare(found, numbers(OLDEST)) >= 0
          && Arrays.compare(found, numbers(NEWEST)) <= 0;
    } catch (NumberFormatException _) {
      return false;
    }
  }

  private static int[] numbers(String version) {
    return Pattern.compile("\\.").splitAsStream(version).mapToInt(Integer::parseInt).toArray();
  }

  /**
   * Operations first: a library with another table differs in the middle, and stopping there keeps
   * us from asking past its end.
   */
  private void tables() {
    for (int op = 0; op < GgmlTables.OPS.size(); op++) {
      expect("operation " + op, Base.ggml_op_name(op), GgmlTables.OPS.get(op));
    }
    for (int op = 0; op < GgmlTables.UNARY_OPS.size(); op++) {
      expect("unary operation " + op, Base.ggml_unary_op_name(op), GgmlTables.UNARY_OPS.get(op));
    }
    for (int op = 0; op < GgmlTables.GLU_OPS.size(); op++) {
      expect("gated operation " + op, Base.ggml_glu_op_name(op), GgmlTables.GLU_OPS.get(op));
    }
    for (GgmlTables.Type type : GgmlTables.TYPES) {
      String what = "type " + type.code();
      expect(what, Base.ggml_type_name(type.code()), type.name());
      expect("bytes of a block of " + what, Base.ggml_type_size(type.code()), type.blockBytes());
      expect(
          "elements of a block of " + what, Base.ggml_blck_size(type.code()), type.blockElements());
    }
  }

  void expect(String what, @Nullable Object found, Object expected) {
    if (!expected.equals(found)) {
      throw new GgmlException(
          GgmlFault.LIBRARY_MISMATCH,
          "%s is not the ggml this program was written for: %s is %s instead of %s. Use ggml %s to %s"
              .formatted(library, what, found, expected, OLDEST, NEWEST));
    }
  }

  void expect(String what, long found, long expected) {
    expect(what, (Object) found, expected);
  }
}
