// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import java.io.IOException;

/** A client does not take its answers any more, for which the worker that gave them is no cause. */
final class ClientGoneException extends IOException {
  private static final long serialVersionUID = 1L;

  ClientGoneException(IOException cause) {
    super("the client is gone: " + cause.getMessage(), cause);
  }
}
