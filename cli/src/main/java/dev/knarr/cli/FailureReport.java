// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.bench.BenchException;
import dev.knarr.cli.certs.CertificateException;
import dev.knarr.cli.local.LocalException;
import dev.knarr.cli.local.OptionException;
import dev.knarr.cli.model.ModelException;
import dev.knarr.gguf.GgufException;
import dev.knarr.plan.PlanException;
import dev.knarr.rpc.transport.TlsFileException;
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
      case OptionException known -> {
        tell(command, known);
        return ExitCode.USAGE;
      }
      case BenchException known -> tell(command, known);
      case ModelException known -> tell(command, known);
      case LocalException known -> tell(command, known);
      case CertificateException known -> tell(command, known);
      case TlsFileException known -> tell(command, known);
      case PlanException known -> tell(command, known);
      case GgufException known -> tell(command, known);
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

  private static void tell(CommandLine command, RuntimeException known) {
    command.getErr().println(known.getMessage());
  }
}
