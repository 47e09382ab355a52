// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file with a certificate or a key cannot be used; the message names it and says why. */
public final class TlsFileException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TlsFileException(Path file, String what) {
    this(file, what, null);
  }

  TlsFileException(Path file, String what, @Nullable Throwable cause) {
    super(file + " " + what + ".", cause);
  }
}
