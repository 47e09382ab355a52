// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/**
 * What one device takes. Immutable.
 *
 * @param name the device
 * @param description what it is
 * @param firstLayer its first layer; where {@code layers} is 0, the layer that comes next
 * @param layers how many layers it takes
 * @param output whether it takes the output layer too
 * @param weightsBytes weights on it, output included
 * @param kvBytes the cache of its layers
 * @param computeBytes estimate of its compute buffer
 * @param freeBytes what it had free before
 * @param share its part of all bytes placed, 0 to 1
 */
public record DevicePlan(
    String name,
    String description,
    int firstLayer,
    int layers,
    boolean output,
    long weightsBytes,
    long kvBytes,
    long computeBytes,
    long freeBytes,
    double share) {
  /** Whether it is on the head: a device of llama-server itself, or the head's processor. */
  public boolean onHead() {
    return name.startsWith(WireStop.HEAD + "/");
  }

  /** Whether llama-server has it by itself, so that nothing of it goes through the router. */
  public boolean ofLlamaServer() {
    return onHead() && !onHeadProcessor();
  }

  /** Whether it is the head's processor, which has a worker of its own. */
  public boolean onHeadProcessor() {
    return name.equals(HeadProcessor.DEVICE);
  }

  /** All it needs. */
  public long usedBytes() {
    return weightsBytes + kvBytes + computeBytes;
  }

  /** Positions it takes as llama.cpp counts them: layers, and one for the output. */
  public int positions() {
    return layers + (output ? 1 : 0);
  }

  /** Its layers for people: {@code 0-3}, {@code 4-7 + output}, {@code none}. */
  public String layersText() {
    var range =
        layers == 0
            ? ""
            : layers == 1 ? "" + firstLayer : firstLayer + "-" + (firstLayer + layers - 1);
    if (!output) {
      return range.isEmpty() ? "none" : range;
    }
    return range.isEmpty() ? "output" : range + " + output";
  }
}
