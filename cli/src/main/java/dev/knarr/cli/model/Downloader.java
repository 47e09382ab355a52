// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
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
import java.util.OptionalLong;

/**
 * Fetches one file so that nobody ever sees half of it: into {@code FILE.part}, hashed on the way,
 * and renamed when it is complete and right. A cut connection is taken up where it broke off,
 * within a run and by a later one. May be called by one thread at a time.
 */
final class Downloader {
  private final TransferListener listener;
  private final TransferLimits limits;
  private final HttpClient client;

  /**
   * @param web prepares the client: proxies, and certificates to trust
   */
  Downloader(TransferListener listener, TransferLimits limits, WebAccess web) {
    this.listener = listener;
    this.limits = limits;
    this.client =
        web.client()
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
      var part = partOf(download);
      try (var _ = FileLock.take(target, part, limits, listener)) {
        // Another run may have fetched it meanwhile.
        if (!complete(download) || !usable(download)) {
          transfer(download, part);
        }
      }
      return target;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelException(
          FetchReason.MODEL_FETCHING, "Fetching %s was stopped.".formatted(download.name()), e);
    } catch (IOException e) {
      throw unwritable(download, e);
    }
  }

  /** The local storage fails; full is another matter than not writable. */
  static ModelException unwritable(Download download, IOException e) {
    var text = String.valueOf(e.getMessage());
    boolean full = text.contains("No space left") || text.contains("quota exceeded");
    return new ModelException(
        full ? FetchReason.MODEL_NO_SPACE : FetchReason.CONFIG_INVALID,
        "%s cannot be kept in %s: %s. %s"
            .formatted(
                download.name(),
                download.target().toAbsolutePath().getParent(),
                reason(e),
                full ? download.remedies().room() : download.remedies().storage()),
        e);
  }

  /**
   * The size of a file at its source; empty where the server does not tell, or refuses, which the
   * transfer will say better.
   */
  OptionalLong size(Download download) throws InterruptedException {
    // A signed address often allows nothing but GET.
    try (var answer = HttpExchange.open(client, download, Map.of("Range", "bytes=0-0"), limits)) {
      return answer.status() == 200 || answer.status() == 206
          ? answer.totalBytes()
          : OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty();
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

  /** Where a file grows. */
  static Path partOf(Download download) {
    return download.target().resolveSibling(download.name() + ".part");
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
            FetchReason.MODEL_SERVER_UNREACHABLE,
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
    var remedies = download.remedies();
    var sentence =
        "%s cannot be fetched: %s answered %d. "
            .formatted(download.name(), Download.withoutQuery(answer.url()), answer.status());
    return switch (answer.status()) {
      case 401 ->
          new ModelException(FetchReason.MODEL_ACCESS_DENIED, sentence + remedies.unauthorized());
      case 403 ->
          new ModelException(FetchReason.MODEL_ACCESS_DENIED, sentence + remedies.forbidden());
      case 404, 410 ->
          new ModelException(FetchReason.MODEL_NOT_FOUND, sentence + remedies.missing());
      default ->
          new ModelException(FetchReason.MODEL_SERVER_UNREACHABLE, sentence + remedies.otherwise());
    };
  }

  private static void requireSpace(Download download, PartFile part) throws IOException {
    requireSpace(download, download.name(), part.totalBytes() - part.sizeBytes());
  }

  /**
   * Finds out before a transfer whether there is room for it.
   *
   * @param what the files, for the sentence
   * @param missing bytes that are still to come
   */
  static void requireSpace(Download download, String what, long missing) throws IOException {
    var folder = download.target().toAbsolutePath().getParent();
    long usable = Files.getFileStore(folder).getUsableSpace();
    if (missing > usable) {
      throw new ModelException(
          FetchReason.MODEL_NO_SPACE,
          "%s needs %s more, but %s has %s free. %s"
              .formatted(
                  what,
                  ByteSize.format(missing),
                  folder,
                  ByteSize.format(usable),
                  download.remedies().room()));
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
          FetchReason.MODEL_CHECKSUM_MISMATCH,
          "%s from %s has sha256 %s, but %s says %s. It was removed: start again, and if it happens twice do not use this source%s."
              .formatted(
                  download.name(),
                  download.url().getHost(),
                  found,
                  download.sha256().isPresent()
                      ? "the source in the cluster file"
                      : "the publisher",
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
