// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.knarr.cli.model.FetchProgress;
import dev.knarr.cli.model.ModelException;
import dev.knarr.cli.model.ModelFetch;
import dev.knarr.head.api.FetchConfig;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchResult;
import dev.knarr.head.api.FetchState;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.Identity;
import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code knarr fetch}: what the operator starts before anything else; rarely typed by a person. */
@Command(
    name = "fetch",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Brings the files of a model to a volume, checks them, and ends. The operator starts it.",
      ""
    })
final class FetchCommand implements Callable<Integer> {
  private static final int NOT_FOUND = 404;

  @SuppressWarnings("NullAway.Init") // picocli fills it before anything runs.
  @Spec
  private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // Required: picocli fills it.
  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "What to fetch from where, one JSON file.")
  private Path config;

  @Option(
      names = "--management-port",
      paramLabel = "PORT",
      defaultValue = "9052",
      description =
          "Port of /status, on all addresses, while it runs; 0 takes any free one. Default: 9052.")
  private int managementPort;

  @SuppressWarnings("NullAway.Init") // picocli fills it.
  @Option(
      names = "--termination-log",
      paramLabel = "FILE",
      defaultValue = "/dev/termination-log",
      description =
          "File to leave the outcome in, as JSON, where there is such a file. Default: /dev/termination-log.")
  private Path terminationLog;

  FetchCommand() {}

  @Override
  public Integer call() throws InterruptedException {
    FetchResult result;
    try {
      result = fetch(FetchConfig.read(config));
    } catch (HeadException e) {
      say(e.sentence());
      result = new FetchResult(FetchReason.CONFIG_INVALID, e.sentence(), 0);
    }
    leave(result);
    return result.reason() == FetchReason.AS_PLANNED ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  private FetchResult fetch(FetchConfig what) throws InterruptedException {
    var identity = what.identity();
    var progress =
        new FetchProgress(
            identity == null ? null : identity.in(System.getenv(Identity.POD_UID_VARIABLE)),
            this::say);
    var server = serve(progress);
    try {
      long bytes = new ModelFetch(what, System.getenv(), progress).run();
      var sentence = "Everything is here: %s.".formatted(ByteSize.format(bytes));
      progress.enter(FetchState.DONE, FetchReason.AS_PLANNED, sentence);
      return new FetchResult(FetchReason.AS_PLANNED, sentence, bytes);
    } catch (ModelException e) {
      return failed(progress, e.reason(), String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      // Its message may hold what a Secret holds, and everybody who sees the cluster sees the
      // status.
      for (var frame : e.getStackTrace()) {
        say("  at " + frame);
      }
      return failed(
          progress,
          FetchReason.INTERNAL_ERROR,
          "This is a fault in Knarr: %s.".formatted(e.getClass().getName()));
    } finally {
      server.stop(0);
    }
  }

  private static FetchResult failed(FetchProgress progress, FetchReason reason, String sentence) {
    progress.enter(FetchState.FAILED, reason, sentence);
    return new FetchResult(reason, sentence, progress.status().bytes());
  }

  private void say(String line) {
    spec.commandLine().getOut().println(line);
    spec.commandLine().getOut().flush();
  }

  private HttpServer serve(FetchProgress progress) {
    try {
      var server = HttpServer.create(new InetSocketAddress(managementPort), 0);
      server.createContext("/", exchange -> answer(exchange, progress));
      server.start();
      say("Status: port %d, /status".formatted(server.getAddress().getPort()));
      return server;
    } catch (IOException e) {
      throw CommandFailure.failed(
          "The management port %d cannot be opened: %s. Choose another with --management-port."
              .formatted(managementPort, e.getMessage()));
    }
  }

  private static void answer(HttpExchange exchange, FetchProgress progress) throws IOException {
    try (exchange) {
      if (!"/status".equals(exchange.getRequestURI().getPath())) {
        exchange.sendResponseHeaders(NOT_FOUND, -1);
        return;
      }
      var body = progress.status().toJson().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** The kubelet makes this file; on a machine of one's own there is none. */
  private void leave(FetchResult result) {
    if (!Files.exists(terminationLog)) {
      return;
    }
    try {
      Files.writeString(
          terminationLog,
          result.toJson(),
          StandardOpenOption.WRITE,
          StandardOpenOption.TRUNCATE_EXISTING);
    } catch (IOException e) {
      spec.commandLine().getErr().println("%s cannot be written: %s".formatted(terminationLog, e));
    }
  }
}
