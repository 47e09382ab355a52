// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import org.jspecify.annotations.Nullable;

/** Certificates could not be made; the message says what is in the way and what to do. */
public final class CertificateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CertificateException(String message) {
    this(message, null);
  }

  CertificateException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
