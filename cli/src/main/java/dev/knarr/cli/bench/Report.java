// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A comparison as far as it has come. What is null was not measured or cannot be known. Immutable.
 *
 * @param started when, by ISO 8601
 * @param llamaCpp version of stock llama.cpp
 * @param machine where llama-bench ran
 * @param models in the order of the command line
 * @param upload SET_TENSOR, where it was asked for
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Report(
    String started,
    String llamaCpp,
    Machine machine,
    Settings settings,
    List<ModelReport> models,
    @Nullable UploadReport upload) {

  /** What llama-bench ran on. */
  public record Machine(String cpu, int processors, String system) {}

  /** How it was measured. */
  public record Settings(int rounds, int repeat, int threads, List<String> llamaBench) {}

  /**
   * One model.
   *
   * @param type in llama-bench's words
   * @param bytes of its tensors
   */
  public record ModelReport(
      String file, String type, long bytes, long parameters, List<EndpointReport> endpoints) {}

  /**
   * One endpoint with one model.
   *
   * @param loadSeconds from llama-bench's start on the model to its first token
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record EndpointReport(
      String name, List<String> workers, List<TestReport> tests, @Nullable Series loadSeconds) {}

  /**
   * One test.
   *
   * @param ratio of its tokens per second to those of the first endpoint, round by round
   * @param cpuSecondsPerToken of each worker, over all counted rounds; for {@code local} that of
   *     llama-bench
   * @param bytesPerToken between llama-bench and all workers
   * @param roundTripsPerToken answers that llama-bench waited for
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record TestReport(
      String name,
      int tokens,
      Series tokensPerSecond,
      Series ratio,
      @Nullable List<Double> cpuSecondsPerToken,
      @Nullable Double bytesPerToken,
      @Nullable Double roundTripsPerToken) {}

  /** SET_TENSOR messages of one size. */
  public record UploadReport(long messageBytes, List<UploadEndpoint> endpoints) {}

  /**
   * How fast one endpoint takes them.
   *
   * @param ratio to the first endpoint, round by round
   */
  public record UploadEndpoint(String name, Series bytesPerSecond, Series ratio) {}

  /** Whether nothing at all was measured. */
  public boolean isEmpty() {
    return models.isEmpty() && upload == null;
  }

  /** All of it, figures of each round included. */
  public String toJson() {
    try {
      return JsonMapper.builder()
              .enable(SerializationFeature.INDENT_OUTPUT)
              .build()
              .writeValueAsString(this)
          + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A report is always JSON", e);
    }
  }

  /** Tables for people. */
  public String toMarkdown() {
    return Markdown.of(this);
  }
}
