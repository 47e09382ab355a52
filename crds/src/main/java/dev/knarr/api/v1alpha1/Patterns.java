// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

/**
 * Regular expressions of the rules, each for the whole text. Files are checked with them by Java
 * and resources by the API server's CEL (RE2), so they use what both understand the same way, and
 * no single quotes.
 */
final class Patterns {
  static final String CLUSTER_NAME = "[a-z]([-a-z0-9]{0,28}[a-z0-9])?";
  static final String GROUP_NAME = "[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?";
  static final String MODEL_NAME = "[A-Za-z0-9._:/-]{1,63}";
  static final String SHA256 = "[0-9a-fA-F]{64}";
  static final String REPO = "[A-Za-z0-9._-]+/[A-Za-z0-9._-]+";
  static final String ABSOLUTE_PATH = "/.*";
  static final String HEAD_DEVICE = "head/[0-9]{1,2}";

  /** What follows the group and a hyphen in the name of a worker's device. */
  static final String WORKER_DEVICE = "([0-9]{1,2})/[0-9]{1,2}";

  /** A size as Kubernetes writes them; whole numbers may stand without quotes. */
  static final String SIZE =
      "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?";

  private static final String LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
  private static final String HOST =
      "(" + LABEL + "(\\." + LABEL + ")*\\.?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?";

  /** What RFC 3986 allows, without user and fragment; java.net.URI reads all of it. */
  static final String URL =
      "https?://" + HOST + "([/?](%[0-9A-Fa-f]{2}|[A-Za-z0-9._~:/?@!$&()*+,;=-])*)?";

  private Patterns() {}
}
