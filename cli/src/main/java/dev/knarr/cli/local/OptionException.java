// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

/** An option that cannot be, or that contradicts the cluster file; the message says which. */
public final class OptionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public OptionException(String message) {
    super(message);
  }
}
