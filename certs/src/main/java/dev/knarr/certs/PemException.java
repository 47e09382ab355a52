// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import org.jspecify.annotations.Nullable;

/** A text is not the certificate or key it should be. The message lacks the subject: "is …". */
public final class PemException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  PemException(String message) {
    this(message, null);
  }

  PemException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
