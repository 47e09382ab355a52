// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.operator.OperatorConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** An operator's configuration with images and nothing else; Quarkus makes the real one. */
public final class SetUp implements OperatorConfig, OperatorConfig.Images, OperatorConfig.Tls {
  @Override
  public Images images() {
    return this;
  }

  @Override
  public String head() {
    return "registry.example/knarr/head:1";
  }

  @Override
  public String server() {
    return "registry.example/knarr/server:1";
  }

  @Override
  public Optional<String> workerCpu() {
    return Optional.of("registry.example/knarr/worker-cpu:1");
  }

  @Override
  public Optional<String> workerCuda() {
    return Optional.empty();
  }

  @Override
  public Optional<String> workerRocm() {
    return Optional.empty();
  }

  @Override
  public Optional<String> workerVulkan() {
    return Optional.empty();
  }

  @Override
  public Optional<String> imagePullPolicy() {
    return Optional.empty();
  }

  @Override
  public Optional<List<String>> imagePullSecrets() {
    return Optional.empty();
  }

  @Override
  public Optional<String> caBundleConfigMap() {
    return Optional.empty();
  }

  @Override
  public Optional<String> httpProxy() {
    return Optional.empty();
  }

  @Override
  public Optional<String> httpsProxy() {
    return Optional.empty();
  }

  @Override
  public Optional<String> noProxy() {
    return Optional.empty();
  }

  @Override
  public Duration nodeLost() {
    return Duration.ofMinutes(5);
  }

  @Override
  public String namespace() {
    return "knarr-system";
  }

  @Override
  public Optional<List<String>> monitoringNamespaceLabels() {
    return Optional.empty();
  }

  @Override
  public Tls tls() {
    return this;
  }

  @Override
  public Duration caLifetime() {
    return Duration.ofDays(365);
  }

  @Override
  public Duration leafLifetime() {
    return Duration.ofDays(90);
  }

  @Override
  public Duration propagation() {
    return Duration.ofSeconds(150);
  }
}
