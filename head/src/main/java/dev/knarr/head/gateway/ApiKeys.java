// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys that clients must show, from a file with one on each line; lines that begin with a hash
 * are comments. Any thread.
 */
final class ApiKeys {

  static final String ANTHROPIC_HEADER = "X-Api-Key";

  private static final Logger LOG = LoggerFactory.getLogger(Gateway.class);
  private static final String BEARER = "Bearer ";

  private final @Nullable Path file;

  /** Digests, so that a comparison takes the same time whatever a key looks like. */
  private volatile List<byte[]> digests = List.of();

  private String content = "";
  private boolean unreadable;

  /** No file means that nobody is asked. */
  ApiKeys(@Nullable Path file) {
    this.file = file;
    reload();
  }

  boolean areAskedFor() {
    return file != null;
  }

  /**
   * Reads the file again, which is done often: a Secret that is mounted changes by a link that
   * points elsewhere. A file that cannot be read leaves the keys as they are.
   */
  synchronized void reload() {
    if (file == null) {
      return;
    }
    try {
      String now = Files.readString(file);
      unreadable = false;
      if (now.equals(content)) {
        return;
      }
      boolean first = content.isEmpty();
      content = now;
      digests =
          now.lines()
              .map(String::strip)
              .filter(line -> !line.isEmpty() && !line.startsWith("#"))
              .map(ApiKeys::digest)
              .toList();
      if (digests.isEmpty()) {
        LOG.warn("{} has no API key: nobody is let in. Write one on each line.", file);
      } else if (!first) {
        LOG.info("The API keys have changed: {} are valid", digests.size());
      }
    } catch (IOException e) {
      if (!unreadable) {
        LOG.warn("The file with the API keys cannot be read ({}): they stay as they are", e + "");
      }
      unreadable = true;
    }
  }

  /** Whether a request shows a key, where llama-server looks for one. */
  boolean admit(MultiMap headers) {
    if (file == null) {
      return true;
    }
    String shown = headers.get(HttpHeaders.AUTHORIZATION);
    if (shown == null || shown.isEmpty()) {
      shown = headers.get(ANTHROPIC_HEADER);
    }
    if (shown == null) {
      return false;
    }
    byte[] digest = digest(shown.startsWith(BEARER) ? shown.substring(BEARER.length()) : shown);
    boolean known = false;
    for (byte[] key : digests) {
      known |= MessageDigest.isEqual(key, digest);
    }
    return known;
  }

  /** Takes out what a client showed, and shows llama-server what it wants instead. */
  static void replace(MultiMap headers, @Nullable String key) {
    headers.remove(HttpHeaders.AUTHORIZATION).remove(ANTHROPIC_HEADER);
    if (key != null) {
      headers.set(HttpHeaders.AUTHORIZATION, BEARER + key);
    }
  }

  private static byte[] digest(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}
