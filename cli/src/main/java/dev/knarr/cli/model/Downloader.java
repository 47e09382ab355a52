// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Fetches one file so that nobody ever sees half of it: into {@code FILE.part}, hashed on the way,
 * and renamed when it is complete and right. A cut connection is taken up where it broke off,
 * within a run and by a later one. May be called by one thread at a time.
 */
final class Downloader {
  private final TransferListener listener;
  private final TransferLimits limits;
  private final HttpClient client;

  Downloader(TransferListener listener, TransferLimits limits) {
    this.listener = listener;
    this.limits = limits;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(limits.connect())
            .build();
  }

  /**
   * The file, complete and checked.
   *
   * @throws ModelException where it cannot be had
   */
  Path fetch(Download download) {
    var target = download.target();
    try {
      Files.createDirectories(target.toAbsolutePath().getParent());
      if (usable(download)) {
        return target;
      }
      var part = target.resolveSibling(download.name() + ".part");
      try (var _ = FileLock.take(target, part, limits, listener)) {
        // Another run may have fetched it meanwhile.
        if (!complete(download) || !usable(download)) {
          transfer(download, part);
        }
      }
      return target;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelException("Fetching %s was stopped.".formatted(download.name()), e);
    } catch (IOException e) {
      throw new ModelException(
          "%s cannot be kept in %s: %s. Correct the folder, or set KNARR_CACHE to another."
              .formatted(download.name(), target.getParent(), reason(e)),
          e);
    }
  }

  /** Whether the file is here, is what the user asked for and is still what the server has. */
  private boolean usable(Download download) throws IOException, InterruptedException {
    if (!complete(download)) {
      return false;
    }
    if (download.fixed()) {
      return true;
    }
    var kept = FileRecord.read(recordOf(download.target())).orElseThrow();
    var headers = new LinkedHashMap<String, String>();
    if (kept.validator().startsWith("\"")) {
      headers.put("If-None-Match", kept.validator());
    }
    try (var answer = HttpExchange.open(client, download, headers, limits)) {
      if (answer.status() == 304) {
        return true;
      }
      if (answer.status() == 200) {
        if (kept.sameFile(answer.describe(download))) {
          return true;
        }
        listener.note(
            "%s has changed at its source: fetching it again.".formatted(download.name()));
        return false;
      }
      listener.note(
          "Whether %s has changed is unknown (%s answered %d): using the copy that is here."
              .formatted(download.name(), answer.url().getHost(), answer.status()));
    } catch (IOException e) {
      listener.note(
          "Whether %s has changed is unknown (%s cannot be reached): using the copy that is here."
              .formatted(download.name(), download.url().getHost()));
    }
    return true;
  }

  /** Whether a complete copy is in the cache, whatever the server has by now. */
  static boolean isHere(Download download) {
    try {
      return complete(download);
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean complete(Download download) throws IOException {
    var target = download.target();
    var kept = FileRecord.read(recordOf(target));
    return kept.isPresent()
        && Files.isRegularFile(target)
        && Files.size(target) == kept.get().totalBytes()
        && (download.sha256().isEmpty()
            || download.sha256().get().equals(kept.get().publishedSha256()));
  }

  private void transfer(Download download, Path part) throws IOException, InterruptedException {
    int failures = 0;
    while (true) {
      long before = Files.exists(part) ? Files.size(part) : 0;
      String why;
      Duration pause = limits.pause().multipliedBy(1L << Math.min(failures, 4));
      try (var partFile = PartFile.open(part, recordOf(part))) {
        var outcome = attempt(download, partFile);
        if (outcome.isEmpty()) {
          finish(download, part, partFile);
          return;
        }
        why = outcome.get().reason();
        pause = outcome.get().pause().orElse(pause);
      } catch (BrokenTransfer e) {
        why = reason(e.problem());
      }
      failures = Files.size(part) > before ? 1 : failures + 1;
      if (failures >= limits.attempts()) {
        throw new ModelException(
            "%s could not be fetched from %s: %s, %d times in a row. What is here stays: start again to go on from there."
                .formatted(download.name(), download.url().getHost(), why, failures));
      }
      listener.note("%s: %s; going on.".formatted(download.name(), why));
      Thread.sleep(pause.toMillis());
    }
  }

  /** A reason to try again, perhaps after the time that the server named. */
  private record Retry(String reason, Optional<Duration> pause) {}

  /** A transfer that broke in the middle: what is here is kept. */
  static final class BrokenTransfer extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient IOException problem;

    BrokenTransfer(IOException problem) {
      super(problem);
      this.problem = problem;
    }

    IOException problem() {
      return problem;
    }
  }

  private Optional<Retry> attempt(Download download, PartFile part)
      throws IOException, InterruptedException {
    var headers = new LinkedHashMap<String, String>();
    long have = part.resumable(download) ? part.sizeBytes() : 0;
    if (have > 0) {
      headers.put("Range", "bytes=" + have + "-");
      part.validator().ifPresent(validator -> headers.put("If-Range", validator));
    }
    try (var answer = open(download, headers)) {
      switch (answer.status()) {
        case 206 -> {
          if (answer.rangeStart().orElse(-1) != have || !part.continues(download, answer)) {
            part.reset(); // Another version, or another place than asked for: from the beginning.
            return Optional.of(new Retry("the file has changed at its source", Optional.empty()));
          }
        }
        case 200 -> {
          part.reset(); // Either a first attempt or a server that does not know ranges.
          part.begin(answer.describe(download));
        }
        case 416 -> {
          if (have > 0 && part.totalBytes() == have) {
            return Optional.empty();
          }
          part.reset();
          return Optional.of(new Retry("the server refused to go on", Optional.empty()));
        }
        case 408, 429, 500, 502, 503, 504 -> {
          var pause =
              answer.headers().firstValueAsLong("Retry-After").stream()
                  .filter(seconds -> seconds >= 0 && seconds <= 120)
                  .mapToObj(Duration::ofSeconds)
                  .findFirst();
          return Optional.of(
              new Retry(answer.url().getHost() + " answered " + answer.status(), pause));
        }
        default -> throw refused(download, answer);
      }
      requireSpace(download, part);
      part.append(download, answer.body(), limits.stall(), listener);
      return Optional.empty();
    }
  }

  private HttpExchange open(Download download, Map<String, String> headers)
      throws InterruptedException {
    try {
      return HttpExchange.open(client, download, headers, limits);
    } catch (IOException e) {
      throw new BrokenTransfer(e);
    }
  }

  private static ModelException refused(Download download, HttpExchange answer) {
    var remedy =
        switch (answer.status()) {
          case 401 -> download.remedies().unauthorized();
          case 403 -> download.remedies().forbidden();
          case 404, 410 -> download.remedies().missing();
          default -> "Try again later, or fetch the file yourself and use a path source.";
        };
    return new ModelException(
        "%s cannot be fetched: %s answered %d. %s"
            .formatted(
                download.name(), Download.withoutQuery(answer.url()), answer.status(), remedy));
  }

  private static void requireSpace(Download download, PartFile part) throws IOException {
    long missing = part.totalBytes() - part.sizeBytes();
    var folder = download.target().toAbsolutePath().getParent();
    long usable = Files.getFileStore(folder).getUsableSpace();
    if (missing > usable) {
      throw new ModelException(
          "%s needs %s more, but %s has %s free: make room, or set KNARR_CACHE to a folder on another disk."
              .formatted(
                  download.name(), ByteSize.format(missing), folder, ByteSize.format(usable)));
    }
  }

  private void finish(Download download, Path part, PartFile partFile)
      throws IOException, InterruptedException {
    var found = partFile.sha256();
    var published = partFile.publishedSha256();
    var expected = download.sha256().or(() -> published);
    if (expected.isPresent() && !expected.get().equals(found)) {
      partFile.reset();
      Files.deleteIfExists(part);
      throw new ModelException(
          "%s from %s has sha256 %s, but %s says %s. It was removed: start again, and if it happens twice do not use this source%s."
              .formatted(
                  download.name(),
                  download.url().getHost(),
                  found,
                  download.sha256().isPresent() ? "the cluster file" : "the publisher",
                  expected.get(),
                  download.sha256().isPresent() ? " or correct the sha256" : ""));
    }
    long bytes = partFile.sizeBytes();
    partFile.sync();
    new FileRecord(download.address(), partFile.validator().orElse(""), expected.orElse(""), bytes)
        .write(recordOf(download.target()));
    try {
      Files.move(part, download.target(), StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(part, download.target(), StandardCopyOption.REPLACE_EXISTING);
    }
    Files.deleteIfExists(recordOf(part));
    listener.done(download.name(), bytes);
  }

  private static Path recordOf(Path file) {
    return file.resolveSibling(file.getFileName() + ".source");
  }

  private static String reason(Throwable e) {
    return switch (e) {
      case UnknownHostException _ -> "the host is unknown (is this machine online?)";
      case ConnectException c when c.getCause() instanceof UnresolvedAddressException ->
          "the host is unknown (is this machine online?)";
      case ConnectException _ -> "the connection was refused";
      case java.net.http.HttpTimeoutException _ -> "the server did not answer in time";
      default -> {
        var message = e.getMessage();
        yield message == null || message.isBlank() ? e.getClass().getSimpleName() : message;
      }
    };
  }
}
