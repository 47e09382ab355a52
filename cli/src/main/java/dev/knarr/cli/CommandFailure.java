// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import picocli.CommandLine.ExitCode;

/** Ends a command with a message for the user and an exit code. */
final class CommandFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int exitCode;

  private CommandFailure(int exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  /** What was asked for is wrong: exit code 2. */
  static CommandFailure usage(String message) {
    return new CommandFailure(ExitCode.USAGE, message);
  }

  /** What was asked for could not be done: exit code 1. */
  static CommandFailure failed(String message) {
    return new CommandFailure(ExitCode.SOFTWARE, message);
  }

  int exitCode() {
    return exitCode;
  }
}
