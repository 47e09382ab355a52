// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import java.io.Serial;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A GGUF file cannot be used: says which file, where in it, what is wrong and what to do. */
public final class GgufException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final GgufFault fault;
  private final transient Path file;
  private final long offset;
  private final String remedy;

  GgufException(GgufFault fault, Path file, long offset, String what, String remedy) {
    this(fault, file, offset, what, remedy, null);
  }

  GgufException(
      GgufFault fault,
      Path file,
      long offset,
      String what,
      String remedy,
      @Nullable Throwable cause) {
    super(message(file, offset, what, remedy), cause);
    this.fault = fault;
    this.file = file;
    this.offset = offset;
    this.remedy = remedy;
  }

  private static String message(Path file, long offset, String what, String remedy) {
    var where =
        offset > 0 ? String.format(Locale.ROOT, "%s, byte %,d: ", file, offset) : file + ": ";
    return where + what + " " + remedy;
  }

  /** The kind of fault. */
  public GgufFault fault() {
    return fault;
  }

  /** The file that is at fault. */
  public Path file() {
    return file;
  }

  /** The byte of the file where the fault was found; 0 where none applies. */
  public long offset() {
    return offset;
  }

  /** What the user can do, a sentence. */
  public String remedy() {
    return remedy;
  }
}
