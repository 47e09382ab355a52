// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;

/** One model over the devices of many machines. */
@Group(InferenceCluster.GROUP)
@Version(InferenceCluster.VERSION)
@Kind(InferenceCluster.KIND)
@Singular("inferencecluster")
@Plural("inferenceclusters")
@ShortNames("ic")
public class InferenceCluster extends CustomResource<InferenceClusterSpec, InferenceClusterStatus>
    implements Namespaced {
  /** The API group. */
  public static final String GROUP = "knarr.dev";

  /** The version of these types. */
  public static final String VERSION = "v1alpha1";

  /** The kind. */
  public static final String KIND = "InferenceCluster";
}
