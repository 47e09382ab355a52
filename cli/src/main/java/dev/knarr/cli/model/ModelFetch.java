// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.gguf.GgufException;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.api.FetchConfig;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchState;
import dev.knarr.plan.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Brings what a cluster on Kubernetes asks for: every file of a configuration, complete, checked
 * and under its final name, or none of that name. What is here already is not fetched again. Called
 * by one thread; {@link FetchProgress} may be read by any.
 */
public final class ModelFetch {
  private final FetchConfig config;
  private final Downloader downloader;
  private final FetchProgress progress;

  /**
   * A fetch that has not begun.
   *
   * @param environment of the process: proxies
   * @param progress told how it goes on
   */
  public ModelFetch(FetchConfig config, Map<String, String> environment, FetchProgress progress) {
    this(config, environment, progress, TransferLimits.patient());
  }

  ModelFetch(
      FetchConfig config,
      Map<String, String> environment,
      FetchProgress progress,
      TransferLimits limits) {
    this.config = config;
    this.progress = progress;
    var web = WebAccess.by(environment);
    var bundle = config.caBundle();
    this.downloader = new Downloader(progress, limits, bundle == null ? web : web.trusting(bundle));
  }

  /**
   * Brings everything.
   *
   * @return the size of all files
   * @throws ModelException where one cannot be had
   */
  public long run() throws InterruptedException {
    var downloads = new ArrayList<Download>();
    for (var item : config.files()) {
      downloads.addAll(downloads(item));
    }
    prepare(downloads);
    downloads.forEach(downloader::fetch);
    progress.enter(
        FetchState.VERIFYING, FetchReason.MODEL_VERIFYING, "Checking what the files hold.");
    long bytes = 0;
    for (var item : config.files()) {
      bytes += check(item);
    }
    return bytes;
  }

  /** Finds out how much is to come and whether there is room, before hours go into it. */
  private void prepare(List<Download> downloads) throws InterruptedException {
    var missing = new ArrayList<Download>();
    long missingBytes = 0;
    for (var download : downloads) {
      if (Downloader.isHere(download)) {
        progress.expect(download.name(), sizeOf(download.target()), sizeOf(download.target()));
        continue;
      }
      long total = downloader.size(download).orElse(-1);
      long here = Math.min(sizeOf(Downloader.partOf(download)), Math.max(0, total));
      progress.expect(download.name(), here, total);
      missing.add(download);
      missingBytes += Math.max(0, total - here);
    }
    if (missing.isEmpty()) {
      return;
    }
    var first = missing.getFirst();
    try {
      Files.createDirectories(first.target().toAbsolutePath().getParent());
      Downloader.requireSpace(
          first, missing.size() == 1 ? first.name() : "What is to be fetched", missingBytes);
    } catch (IOException e) {
      throw Downloader.unwritable(first, e);
    }
    progress.enter(
        FetchState.FETCHING,
        FetchReason.MODEL_FETCHING,
        "Fetching %s from %s: %s are still to come."
            .formatted(
                missing.size() == 1 ? first.name() : missing.size() + " files",
                first.url().getHost(),
                ByteSize.format(missingBytes)));
  }

  private static long sizeOf(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0;
    }
  }

  private List<Download> downloads(FetchConfig.Item item) {
    var http = item.source().http();
    var repository = item.source().huggingFace();
    var target = item.target();
    if (target == null) {
      return List.of();
    }
    if (http != null) {
      var headers = headers(http.headersFolder());
      return Downloads.of(
          new ModelSource.Http(http.url(), http.sha256()),
          part -> place(target, part),
          headers,
          Remedies.httpInCluster(!headers.isEmpty()));
    }
    if (repository == null) {
      return List.of();
    }
    var token = token(repository.tokenFile());
    var source =
        new ModelSource.HuggingFace(
            repository.repo(),
            repository.file(),
            repository.revision(),
            Optional.ofNullable(repository.sha256()),
            Optional.ofNullable(repository.endpoint()));
    return Downloads.of(
        source,
        source.endpoint().orElse(Downloads.HUGGING_FACE),
        part -> place(target, part),
        Downloads.bearer(token),
        Remedies.huggingFaceInCluster(source.repo(), source.revision(), token.isPresent()));
  }

  /** The parts of a model are found by their names; a model in one file may have any. */
  private static Path place(Path target, String part) {
    var name = Downloads.fileName(part);
    return PartNames.of(String.valueOf(target.getFileName())).size() == 1
        ? target
        : target.resolveSibling(name);
  }

  private static Optional<String> token(@Nullable Path file) {
    return file == null ? Optional.empty() : Optional.of(secret(file));
  }

  /** A Secret's volume: one file for each header, and links of the kubelet's beside them. */
  private static Map<String, String> headers(@Nullable Path folder) {
    var headers = new TreeMap<String, String>(String.CASE_INSENSITIVE_ORDER);
    if (folder == null) {
      return headers;
    }
    try (var files =
        Files.newDirectoryStream(
            folder,
            file -> !file.getFileName().toString().startsWith(".") && Files.isRegularFile(file))) {
      for (var file : files) {
        headers.put(String.valueOf(file.getFileName()), secret(file));
      }
      return headers;
    } catch (IOException e) {
      throw unreadable(folder, e);
    }
  }

  private static String secret(Path file) {
    try {
      var secret = Files.readString(file).strip();
      if (secret.chars().anyMatch(Character::isISOControl)) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "%s is not one line of text: check the Secret of the source.".formatted(file));
      }
      return secret;
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static ModelException unreadable(Path file, IOException e) {
    return new ModelException(
        FetchReason.CONFIG_INVALID,
        "%s cannot be read (%s): check the Secret of the source."
            .formatted(
                file, e instanceof NoSuchFileException ? "there is no such file" : e.getMessage()),
        e);
  }

  /** Whether a file, with its parts, is a model. */
  private static long check(FetchConfig.Item item) {
    var path = item.source().path();
    var file = path == null ? item.target() : path;
    if (file == null) {
      throw new IllegalStateException("%s has neither path nor target".formatted(item.name()));
    }
    PresentFiles.require(
        file,
        "correct the path of the source's %s, or put the file on the volume"
            .formatted(item.name()));
    try {
      GgufFile.open(file);
      long bytes = 0;
      for (var part : PartNames.of(String.valueOf(file.getFileName()))) {
        bytes += Files.size(file.resolveSibling(part));
      }
      return bytes;
    } catch (GgufException e) {
      throw new ModelException(FetchReason.MODEL_UNREADABLE, String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new ModelException(
          FetchReason.MODEL_UNREADABLE,
          "%s cannot be read: %s.".formatted(file, e.getMessage()),
          e);
    }
  }
}
