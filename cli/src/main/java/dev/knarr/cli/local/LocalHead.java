// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** One head process, and what a user sees of it. Called by the cluster's thread. */
final class LocalHead implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(1);
  private static final long STARTING_POLL_MILLIS = 50;
  private static final long SERVING_POLL_MILLIS = 500;

  /** As the head's status board writes its log: the phase and its reason go before the sentence. */
  private static final Pattern SUPERVISOR =
      Pattern.compile(
          "\\S+ (?<level>[A-Z]+) +\\[\\S*Supervisor\\] (\\w+ \\(\\w+\\): )?(?<sentence>.*)");

  private final RunFolder folder;
  private final LocalSpec spec;
  private final ProgressLine progress;
  private final Children children;
  private final ChildProcess process;
  private final Map<String, LogTail> logs = new LinkedHashMap<>();
  private final long startedNanos;
  private Optional<HeadPhase> phase = Optional.empty();
  private String message = "";

  /** Workers that have ended and that the head may do without. */
  private final Set<ChildProcess> missed = new HashSet<>();

  private boolean servedBefore;
  private String management = "";

  LocalHead(
      Installation installation,
      RunFolder folder,
      LocalSpec spec,
      ProgressLine progress,
      Children children,
      long startedNanos) {
    this.folder = folder;
    this.spec = spec;
    this.progress = progress;
    this.children = children;
    this.startedNanos = startedNanos;
    // An earlier head of this run may have written to the same file.
    logs.put("head", LogTail.fromNowOn(folder.log("head")));
    for (var worker : spec.workers()) {
      logs.put(worker.name(), new LogTail(folder.log(worker.name())));
    }
    this.process =
        ChildProcess.start(
            installation,
            folder,
            "head",
            List.of("head", "--config", folder.headConfig().toString()),
            Map.of());
    children.addHead(process);
  }

  /**
   * Shows the head's way to its first answer and on, until everything is stopped.
   *
   * @return false where this llama-server does not suit and another one is to be tried
   * @throws LocalException where the cluster cannot go on
   */
  boolean follow(LlamaServers.Candidate candidate) throws InterruptedException {
    management = awaitPorts();
    try (var client = new HeadClient(management)) {
      while (!children.isStopping()) {
        requireAlive();
        var status = client.status();
        if (status.isPresent() && !show(status.get(), candidate)) {
          return false;
        }
        followLogs();
        Thread.sleep(servedBefore ? SERVING_POLL_MILLIS : STARTING_POLL_MILLIS);
      }
    }
    return true;
  }

  private String awaitPorts() throws InterruptedException {
    progress.update("head", "Starting the head …");
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (true) {
      var announcement = Announcement.read(process.announcement());
      if (announcement.isPresent()) {
        return announcement.get().management();
      }
      requireAlive();
      if (System.nanoTime() > deadline) {
        throw new LocalException(
            "The head has not opened its port within %d s. Its log %s ends with:%n%s"
                .formatted(
                    START_LIMIT.toSeconds(), process.log(), Endings.lastLines(process.log())));
      }
      Thread.sleep(STARTING_POLL_MILLIS);
    }
  }

  private void requireAlive() {
    if (!process.isAlive()) {
      throw new LocalException(Endings.head(process));
    }
    for (var dead : children.deadWorkers()) {
      if (spec.replanAfterSeconds().isEmpty() || spec.workers().size() == 1) {
        throw new LocalException(Endings.worker(dead));
      }
      if (missed.add(dead)) {
        progress.line(Endings.missedWorker(dead));
      }
    }
    if (missed.size() == spec.workers().size()) {
      throw new LocalException("All workers have ended; see above." + logNote());
    }
  }

  /** Shows a status; false where another llama-server is to be tried. */
  private boolean show(HeadStatus status, LlamaServers.Candidate candidate) {
    boolean changed =
        !phase.equals(Optional.of(status.phase())) || !message.equals(status.message());
    phase = Optional.of(status.phase());
    message = status.message();
    switch (status.phase()) {
      case STARTING, PLANNING -> progress.update("plan", "Planning …");
      case PROVING_WORKERS -> {
        if (changed && status.reason() == HeadReason.WORKER_UNREACHABLE) {
          progress.line(message);
        }
        progress.update(
            "prove",
            "Proving workers: %d of %d …".formatted(proven(status), status.workers().size()));
      }
      case PROVING_SERVER ->
          progress.update("server", "Proving llama-server (%s) …".formatted(candidate.origin()));
      case LOADING ->
          progress.update("load", "Loading weights: %d %%".formatted(status.loadPercent()));
      case READY -> {
        if (changed) {
          showReady(status);
        }
      }
      case WAITING_FOR_WORKERS, RESTARTING -> {
        // Its log says so, in every detail and in order; a status is only looked at now and then.
      }
      case STOPPING -> progress.update("stop", "The head is stopping …");
      case FAILED -> {
        if (status.reason() == HeadReason.HEAD_IMAGE_UNSUITABLE && !candidate.last()) {
          progress.line(
              "The llama-server %s is not used: %s".formatted(candidate.origin(), message));
          return false;
        }
        throw new LocalException(message + logNote());
      }
    }
    return true;
  }

  private static long proven(HeadStatus status) {
    return status.workers().stream()
        .filter(worker -> worker.state() == HeadStatus.WorkerState.PROVEN)
        .count();
  }

  private void showReady(HeadStatus status) {
    var endpoint = String.valueOf(status.endpoint());
    if (servedBefore) {
      // Without some of the workers its log says so, and who is missing.
      if (status.reason() == HeadReason.AS_PLANNED) {
        progress.line("Ready again at " + endpoint);
      }
      return;
    }
    servedBefore = true;
    for (var line : ready(spec.modelName(), endpoint, proven(status), startedNanos)) {
      progress.line(line);
    }
    progress.line("Status: http://%s/status; metrics: /metrics".formatted(management));
    progress.line("Logs: %s. Ctrl-C stops everything.".formatted(folder.path()));
  }

  private static List<String> ready(
      String model, String endpoint, long workers, long startedNanos) {
    double seconds = (System.nanoTime() - startedNanos) / 1e9;
    var lines = new ArrayList<String>();
    lines.add(
        "Ready after %.1f s: %s on %d worker%s at %s"
            .formatted(seconds, model, workers, workers == 1 ? "" : "s", endpoint));
    lines.add("");
    lines.add(
        "  curl %s/chat/completions -H 'Content-Type: application/json' -d '{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"What is Knarr?\"}]}'"
            .formatted(endpoint, model));
    lines.add("");
    return lines;
  }

  /**
   * A line of a log as it is shown: what the supervisor says is a sentence for users, and what it
   * gives up for is told once, by the failure of the command.
   */
  static Optional<String> spoken(String line) {
    var supervisor = SUPERVISOR.matcher(line);
    if (!supervisor.matches()) {
      return Optional.of(line);
    }
    return "WARN".equals(supervisor.group("level"))
        ? Optional.of(supervisor.group("sentence"))
        : Optional.empty();
  }

  private void followLogs() {
    logs.forEach(
        (part, log) ->
            log.warnings().stream()
                .flatMap(line -> spoken(line).stream())
                .forEach(line -> progress.line(part + ": " + line)));
  }

  private String logNote() {
    return System.lineSeparator() + "Logs: " + folder.path();
  }

  /** Ends this head, so that another one can take its place. */
  @Override
  public void close() {
    if (children.isStopping()) {
      return; // Somebody stops everything, in order.
    }
    try {
      children.stopHead(process);
    } catch (InterruptedException e) {
      process.kill();
      Thread.currentThread().interrupt();
    }
  }
}
