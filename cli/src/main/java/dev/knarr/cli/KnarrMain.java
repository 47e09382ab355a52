// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import io.quarkus.runtime.annotations.QuarkusMain;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Starts one command of {@code knarr} and ends the process with its exit code. */
@QuarkusMain
@Command(name = "knarr", mixinStandardHelpOptions = true)
public final class KnarrMain implements Runnable {
  public KnarrMain() {}

  /** Runs the command that {@code args} name. */
  public static void main(String... args) {
    System.exit(new CommandLine(new KnarrMain()).execute(args));
  }

  @Override
  public void run() {}
}
