// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.model.ModelException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParseResult;

/**
 * Tells a failure to the user: our own exceptions by their message, which says what to do; anything
 * else is a fault of Knarr and comes with its stack trace.
 */
final class FailureReport implements IExecutionExceptionHandler {
  FailureReport() {}

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
    switch (failure) {
      case CommandFailure known -> {
        command.getErr().println(known.getMessage());
        return known.exitCode();
      }
      case ModelException known -> command.getErr().println(known.getMessage());
      default -> {
        command
            .getErr()
            .println(
                "This is a fault in Knarr: please report it with the lines below (knarr "
                    + command.getCommandName()
                    + ").");
        failure.printStackTrace(command.getErr());
      }
    }
    return ExitCode.SOFTWARE;
  }
}
