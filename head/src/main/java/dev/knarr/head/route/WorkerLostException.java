// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import java.io.IOException;

/** A worker does not answer any more; its link says how, and has told those who want to know. */
final class WorkerLostException extends IOException {
  private static final long serialVersionUID = 1L;

  WorkerLostException(String message) {
    super(message);
  }
}
