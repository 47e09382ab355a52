// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import java.util.LinkedHashMap;
import java.util.Map;

/** The labels and annotations of everything that the operator makes. */
public final class Labels {
  public static final String NAME = "app.kubernetes.io/name";
  public static final String INSTANCE = "app.kubernetes.io/instance";
  public static final String COMPONENT = "app.kubernetes.io/component";
  public static final String MANAGED_BY = "app.kubernetes.io/managed-by";

  /** The cluster that an object belongs to. */
  public static final String CLUSTER = "knarr.dev/cluster";

  /** The group that a worker belongs to. */
  public static final String GROUP = "knarr.dev/group";

  /** An annotation of pod templates: the hash of the template, as the operator asked for it. */
  public static final String REVISION = "knarr.dev/revision";

  /** An annotation of the head's Deployment: which release of Knarr the cluster was built by. */
  public static final String RELEASE = "knarr.dev/release";

  /** An annotation of the head's Deployment: the generation of the spec it was built from. */
  public static final String GENERATION = "knarr.dev/generation";

  /** An annotation of the model's Job: the UID of the head's pod for which it looks again. */
  public static final String MISSED_BY = "knarr.dev/missed-by";

  /** The value of {@link #NAME}. */
  public static final String KNARR = "knarr";

  /** The value of {@link #MANAGED_BY}, and the field manager of all that is applied. */
  public static final String OPERATOR = "knarr-operator";

  /** Selects everything that the operator makes; what informers ask for. */
  public static final String SELECTOR = MANAGED_BY + "=" + OPERATOR;

  /** What an object is part of; the values of {@link #COMPONENT}. */
  public enum Component {
    HEAD("head"),
    WORKER("worker"),
    MODEL("model"),
    CLUSTER("cluster");

    private final String value;

    Component(String value) {
      this.value = value;
    }

    /** The value of the label. */
    public String value() {
      return value;
    }
  }

  private Labels() {}

  /** The labels of an object. */
  public static Map<String, String> of(String cluster, Component component) {
    var labels = new LinkedHashMap<String, String>();
    labels.put(NAME, KNARR);
    labels.put(INSTANCE, cluster);
    labels.put(COMPONENT, component.value());
    labels.put(MANAGED_BY, OPERATOR);
    labels.put(CLUSTER, cluster);
    return labels;
  }

  /** The labels of an object of a group of workers. */
  public static Map<String, String> ofGroup(String cluster, String group) {
    var labels = of(cluster, Component.WORKER);
    labels.put(GROUP, group);
    return labels;
  }

  /** What selects the pods of a part of a cluster. Never changes: selectors cannot. */
  public static Map<String, String> selector(String cluster, Component component) {
    var labels = new LinkedHashMap<String, String>();
    labels.put(INSTANCE, cluster);
    labels.put(COMPONENT, component.value());
    // Others' charts have pods with such an instance and component, too.
    labels.put(CLUSTER, cluster);
    return labels;
  }

  /** What selects the pods of a group of workers. Never changes: selectors cannot. */
  public static Map<String, String> groupSelector(String cluster, String group) {
    var labels = selector(cluster, Component.WORKER);
    labels.put(GROUP, group);
    return labels;
  }
}
