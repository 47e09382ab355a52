// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A link could not be made. What is wrong goes into the log; the client hears no more than no. */
final class LinkException extends IOException {
  private static final long serialVersionUID = 1L;

  private final LinkFault fault;

  LinkException(LinkFault fault, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.fault = fault;
  }

  LinkFault fault() {
    return fault;
  }
}
