// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The ports that a worker or head says it has opened.
 *
 * @param rpc {@code host:port}; empty for a head
 * @param management {@code host:port} of status, metrics and health
 */
record Announcement(String rpc, String management) {
  /** What {@code file} says, once it is there: it appears whole or not at all. */
  static Optional<Announcement> read(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      var json = JsonMapper.builder().build().readTree(Files.readString(file));
      return Optional.of(
          new Announcement(json.path("rpc").asText(""), json.path("management").asText("")));
    } catch (JsonProcessingException e) {
      throw new LocalException(
          "%s is not what a worker or head writes there: %s."
              .formatted(file, e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw new LocalException("%s cannot be read: %s.".formatted(file, e.getMessage()), e);
    }
  }
}
