// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

/** Where a token is chosen, which decides what crosses the network for it at the end. */
public enum Sampling {
  /**
   * On the worker, as a part of the graph ({@code --backend-sampling}): the token and what its
   * probability is told by. Requests with a grammar, a JSON schema or {@code n_probs} still read
   * all logits.
   */
  GRAPH("Graph"),
  /** The output layer is on a device of the head, so that only an activation crosses. */
  HEAD("Head"),
  /** By llama-server, which reads the logits of the whole vocabulary. */
  LOGITS("Logits");

  private final String text;

  Sampling(String text) {
    this.text = text;
  }

  /** The name in status and tables. */
  public String text() {
    return text;
  }
}
