// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.Identity;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A configuration that is another one but for what is said here. */
final class ConfigChange {
  private final HeadConfig from;
  private @Nullable Identity identity;
  private HeadConfig.Model model;
  private List<HeadConfig.Worker> workers;
  private HeadConfig.Split split;
  private HeadConfig.LlamaServer llamaServer;
  private @Nullable Path keys;
  private int drainSeconds;
  private HeadConfig.Limits limits;

  private ConfigChange(HeadConfig from) {
    this.from = from;
    this.model = from.model();
    this.workers = from.workers();
    this.split = from.split();
    this.llamaServer = from.llamaServer();
    this.keys = from.apiKeyFile();
    this.limits = from.limits();
  }

  static ConfigChange of(HeadConfig from) {
    return new ConfigChange(from);
  }

  ConfigChange identity(Identity other) {
    identity = other;
    return this;
  }

  ConfigChange model(Path file, @Nullable Path draft) {
    model = new HeadConfig.Model(from.model().name(), file, draft, null);
    return this;
  }

  ConfigChange workers(List<HeadConfig.Worker> others) {
    workers = others;
    return this;
  }

  ConfigChange split(HeadConfig.Split other) {
    split = other;
    return this;
  }

  /** Arguments of llama-server beside our own. */
  ConfigChange arguments(List<String> others) {
    llamaServer = new HeadConfig.LlamaServer(llamaServer.program(), others, llamaServer.threads());
    return this;
  }

  /** A file of keys that clients must show. */
  ConfigChange keys(Path file) {
    keys = file;
    return this;
  }

  /** Time for running answers when the head is asked to stop. */
  ConfigChange drainSeconds(int seconds) {
    drainSeconds = seconds;
    return this;
  }

  /** Plans without a worker that is missing for so long. */
  ConfigChange replanAfterSeconds(int seconds) {
    limits =
        new HeadConfig.Limits(
            limits.workersSeconds(),
            limits.recoverySeconds(),
            limits.stallSeconds(),
            limits.stopSeconds(),
            seconds);
    return this;
  }

  HeadConfig made() {
    return new HeadConfig(
        identity,
        model,
        from.context(),
        workers,
        from.tls(),
        split,
        llamaServer,
        from.http(),
        from.management(),
        keys,
        drainSeconds,
        limits);
  }
}
